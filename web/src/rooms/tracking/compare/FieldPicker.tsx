/** A field among those that can be shown, or none where that has a name; very long lists narrow down by typing in the list. */
export function FieldPicker({ label, value, fields, none, onChange }: { label: string; value: string; fields: string[]; none?: string; onChange: (field: string) => void }) {
  const known = value === "" || fields.includes(value) ? fields : [value, ...fields];
  return (
    <label className="inline-field">
      <span>{label}</span>
      <select className="plain-select" aria-label={label} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {(value === "" || none) && <option value="">{none ?? "choose…"}</option>}
        {known.slice(0, 1000).map((field) => <option key={field} value={field}>{field.replaceAll("`", "")}</option>)}
      </select>
    </label>
  );
}
