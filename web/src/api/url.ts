export interface Filled {
  path?: Record<string, string | number>;
  query?: Record<string, unknown>;
}

/** The URL of an operation: path parameters filled in (a project's `/` becomes `:`), lists repeated in the query. */
export function urlOf(template: string, { path = {}, query = {} }: Filled = {}): string {
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(path[name] ?? "").replaceAll("/", ":")),
  );
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === "") continue;
    for (const item of Array.isArray(value) ? value : [value]) search.append(key, String(item));
  }
  return search.size ? `${filled}?${search}` : filled;
}
