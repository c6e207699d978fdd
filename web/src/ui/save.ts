/** Saves a text as a file of the reader's. */
export function saveText(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  URL.revokeObjectURL(url);
}

/** A title as a file's name. */
export const fileName = (title: string, otherwise: string): string => title.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 80) || otherwise;
