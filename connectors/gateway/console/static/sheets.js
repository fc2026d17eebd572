// The sheets that open over the page: one dead letter, one work order.
import { ask } from "./api.js";
import { clock, facts, figure, make, table } from "./dom.js";

const sheet = document.getElementById("sheet");
const title = document.getElementById("sheet-title");
const body = document.getElementById("sheet-body");

async function open(name, path, draw) {
  title.textContent = name;
  body.replaceChildren(make("p", { className: "empty" }, "Asking…"));
  if (!sheet.open) sheet.showModal();
  try {
    body.replaceChildren(...draw(await ask(path)));
  } catch (error) {
    body.replaceChildren(make("p", { className: "reason" }, error.message));
  }
}

export const openFailure = (id) => open(id, `failures/${encodeURIComponent(id)}`, (letter) => [
  make("p", { className: "reason" }, letter.error_message),
  facts([
    ["Code", make("code", {}, letter.error_code)],
    ["Field", letter.error_path && make("code", {}, letter.error_path)],
    ["Integration", letter.integration_type],
    ["Came by", make("code", {}, letter.source_address)],
    ["Returns to", make("code", {}, letter.inbox)],
    ["Failed", clock(letter.failed_at)],
    ["Status", letter.status.replaceAll("_", " ")],
    ["Message id", letter.original_message_id && make("code", {}, letter.original_message_id)],
    ["Event", make("code", {}, `${letter.event_topic}/${letter.event_partition}/${letter.event_offset}`)],
    ["Trace", make("code", {}, letter.trace_id)],
  ]),
  make("h3", {}, letter.original_message === null ? "The bytes as they came (not readable as JSON)" : "The message"),
  make("pre", {}, letter.original_message === null ? readable(letter.original_bytes_base64) : JSON.stringify(letter.original_message, null, 2)),
]);

function readable(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new TextDecoder().decode(bytes.slice(0, 4096)) + (bytes.length > 4096 ? `\n… ${bytes.length} bytes in all` : "");
}

export const openOrder = (id) => open(id, `work-orders/${encodeURIComponent(id)}`, (order) => [
  make("p", { className: "reason" }, `${figure(order.quantity_produced)} of ${figure(order.quantity_ordered)} ${order.unit_of_measure} ${order.product_name ?? order.product_id}, ${figure(order.progress_percentage)} %`),
  facts([
    ["ERP id", make("code", {}, order.erp_work_order_id)],
    ["State", order.status.replaceAll("_", " ") + (order.is_interrupted ? ", interrupted: its machine is down" : "")],
    ["Priority", order.priority],
    ["Due", clock(order.due_date)],
    ["Scrap", figure(order.quantity_scrapped)],
    ["Inspections", `${order.inspection_count}, ${order.defect_count} with a defect`],
    ["Began", clock(order.actual_start_at)],
    ["Ended", clock(order.actual_end_at)],
    ["Machine", order.current_machine_id],
    ["Mind", order.special_instructions],
    ["Version", order.version],
  ]),
  ...part("Materials", ["Material", "Needed", "There", ""], order.bill_of_materials.map((line) => [
    line.part_name ?? line.material_id, `${figure(line.quantity_required)} ${line.unit_of_measure}`, figure(line.available_quantity),
    line.is_available ? "enough" : make("span", { className: "tag late" }, "short")])),
  ...part("Readings that made this figure, latest first", ["At", "Machine", "Units", "Counter", "Scrap", "From"], order.production_logs.slice(0, 25).map((log) => [
    clock(log.produced_at) + (log.is_late ? " (late)" : ""), log.machine_id, `+${log.units}`, log.cumulative_units + (log.counter_epoch ? ` (reset ${log.counter_epoch}×)` : ""),
    log.scrapped_units || "", make("code", {}, `${log.event_topic}/${log.event_partition}/${log.event_offset}`)])),
  ...part("Downtimes", ["From", "Machine", "Reason", "Minutes"], order.downtime_events.map((down) => [
    clock(down.started_at), down.machine_id, down.downtime_reason_description || down.downtime_reason_code,
    down.duration_seconds === null ? "still down" : figure(down.duration_seconds / 60)])),
]);

const part = (name, heads, rows) => (rows.length ? [make("h3", {}, name), table(heads, rows)] : []);
