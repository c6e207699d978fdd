import { Button, Menu } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { ReviewDetail } from "@/api/types";
import { fileName, saveText } from "@/ui/save";

const FORMS = { html: ["HTML page", "text/html"], md: ["Markdown", "text/markdown"], json: ["JSON", "application/json"] } as const;
type Form = keyof typeof FORMS;

async function textOf(review_id: string, form: Form): Promise<string> {
  if (form === "json") return JSON.stringify(await api.get("/api/v1/reviews/{review_id}/report", { path: { review_id } }), null, 2);
  return api.get("/api/v1/reviews/{review_id}/report-page", { path: { review_id }, query: { form } });
}

/** The review in one document, saved as a file. */
export function ReportMenu({ detail: { review } }: { detail: ReviewDetail }) {
  const save = useMutation({
    mutationFn: (form: Form) => textOf(review.id, form),
    onSuccess: (text, form) => saveText(`${fileName(`review-${review.number}-${review.title}`, "review")}.${form}`, text, FORMS[form][1]),
  });
  return (
    <Menu position="bottom-end" shadow="none">
      <Menu.Target>
        <Button variant="default" size="xs" loading={save.isPending}>{save.isError ? "Report: try again" : "Report…"}</Button>
      </Menu.Target>
      <Menu.Dropdown>
        {(Object.keys(FORMS) as Form[]).map((form) => (
          <Menu.Item key={form} onClick={() => save.mutate(form)}>{FORMS[form][0]}</Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
