-- The central production store on SQLite. Runs at every start, so every statement can run again.
-- The same tables as on MySQL in SQLite's own types. Decimals are TEXT with all their decimal places: SQLite has no exact
-- decimal, and NUMERIC would turn "0.1" into a float. All arithmetic happens outside, in decimals, so sums stay exact and
-- the file reads the same as the MySQL table. Index names carry their table, for SQLite has one name space for all.

CREATE TABLE IF NOT EXISTS production_plan (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  plan_no TEXT NOT NULL,
  plan_name TEXT,
  plan_date TEXT NOT NULL,
  plan_quantity TEXT NOT NULL,
  status INTEGER NOT NULL DEFAULT 0,
  product_id INTEGER NOT NULL,
  product_code TEXT NOT NULL,
  product_name TEXT NOT NULL,
  delivery_date TEXT,
  remark TEXT,
  tenant_id INTEGER NOT NULL,
  create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  update_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  create_by TEXT,
  update_by TEXT,
  deleted INTEGER NOT NULL DEFAULT 0,
  UNIQUE (plan_no, tenant_id, deleted)
);
CREATE INDEX IF NOT EXISTS production_plan_idx_product_id ON production_plan (product_id);
CREATE INDEX IF NOT EXISTS production_plan_idx_plan_date ON production_plan (plan_date);
CREATE INDEX IF NOT EXISTS production_plan_idx_status ON production_plan (status);

CREATE TABLE IF NOT EXISTS production_order (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  order_no TEXT NOT NULL,
  plan_id INTEGER,
  plan_no TEXT,
  order_date TEXT NOT NULL,
  order_quantity TEXT NOT NULL,
  completed_quantity TEXT NOT NULL DEFAULT '0.0000',
  status INTEGER NOT NULL DEFAULT 0,
  product_id INTEGER NOT NULL,
  product_code TEXT NOT NULL,
  product_name TEXT NOT NULL,
  start_date TEXT,
  end_date TEXT,
  delivery_date TEXT,
  workshop_id INTEGER,
  workshop_name TEXT,
  remark TEXT,
  tenant_id INTEGER NOT NULL,
  create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  update_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  create_by TEXT,
  update_by TEXT,
  deleted INTEGER NOT NULL DEFAULT 0,
  UNIQUE (order_no, tenant_id, deleted)
);
CREATE INDEX IF NOT EXISTS production_order_idx_plan_id ON production_order (plan_id);
CREATE INDEX IF NOT EXISTS production_order_idx_product_id ON production_order (product_id);
CREATE INDEX IF NOT EXISTS production_order_idx_order_date ON production_order (order_date);
CREATE INDEX IF NOT EXISTS production_order_idx_status ON production_order (status);

CREATE TABLE IF NOT EXISTS production_material (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  material_no TEXT NOT NULL,
  order_id INTEGER NOT NULL,
  order_no TEXT NOT NULL,
  material_id INTEGER NOT NULL,
  material_code TEXT NOT NULL,
  material_name TEXT NOT NULL,
  specification TEXT,
  unit TEXT,
  request_quantity TEXT NOT NULL,
  issued_quantity TEXT NOT NULL DEFAULT '0.0000',
  returned_quantity TEXT NOT NULL DEFAULT '0.0000',
  warehouse_id INTEGER,
  warehouse_name TEXT,
  status INTEGER NOT NULL DEFAULT 0,
  issue_date TEXT,
  remark TEXT,
  tenant_id INTEGER NOT NULL,
  create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  update_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  create_by TEXT,
  update_by TEXT,
  deleted INTEGER NOT NULL DEFAULT 0,
  UNIQUE (material_no, tenant_id, deleted)
);
CREATE INDEX IF NOT EXISTS production_material_idx_order_id ON production_material (order_id);
CREATE INDEX IF NOT EXISTS production_material_idx_material_id ON production_material (material_id);
CREATE INDEX IF NOT EXISTS production_material_idx_issue_date ON production_material (issue_date);
CREATE INDEX IF NOT EXISTS production_material_idx_status ON production_material (status);

CREATE TABLE IF NOT EXISTS production_receipt (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  receipt_no TEXT NOT NULL,
  order_id INTEGER NOT NULL,
  order_no TEXT NOT NULL,
  product_id INTEGER NOT NULL,
  product_code TEXT NOT NULL,
  product_name TEXT NOT NULL,
  receipt_quantity TEXT NOT NULL,
  qualified_quantity TEXT NOT NULL,
  unqualified_quantity TEXT NOT NULL DEFAULT '0.0000',
  warehouse_id INTEGER,
  warehouse_name TEXT,
  quality_status INTEGER NOT NULL DEFAULT 0,
  status INTEGER NOT NULL DEFAULT 0,
  receipt_date TEXT NOT NULL,
  remark TEXT,
  tenant_id INTEGER NOT NULL,
  create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  update_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  create_by TEXT,
  update_by TEXT,
  deleted INTEGER NOT NULL DEFAULT 0,
  UNIQUE (receipt_no, tenant_id, deleted)
);
CREATE INDEX IF NOT EXISTS production_receipt_idx_order_id ON production_receipt (order_id);
CREATE INDEX IF NOT EXISTS production_receipt_idx_product_id ON production_receipt (product_id);
CREATE INDEX IF NOT EXISTS production_receipt_idx_receipt_date ON production_receipt (receipt_date);
CREATE INDEX IF NOT EXISTS production_receipt_idx_status ON production_receipt (status);

CREATE TABLE IF NOT EXISTS production_report (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  report_no TEXT NOT NULL,
  order_id INTEGER NOT NULL,
  order_no TEXT NOT NULL,
  process_id INTEGER,
  process_name TEXT,
  work_date TEXT NOT NULL,
  work_hours TEXT NOT NULL,
  output_quantity TEXT NOT NULL,
  qualified_quantity TEXT NOT NULL,
  unqualified_quantity TEXT NOT NULL DEFAULT '0.0000',
  worker_id INTEGER,
  worker_name TEXT,
  equipment_id INTEGER,
  equipment_name TEXT,
  remark TEXT,
  tenant_id INTEGER NOT NULL,
  create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  update_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  create_by TEXT,
  update_by TEXT,
  deleted INTEGER NOT NULL DEFAULT 0,
  UNIQUE (report_no, tenant_id, deleted)
);
CREATE INDEX IF NOT EXISTS production_report_idx_order_id ON production_report (order_id);
CREATE INDEX IF NOT EXISTS production_report_idx_work_date ON production_report (work_date);
CREATE INDEX IF NOT EXISTS production_report_idx_worker_id ON production_report (worker_id);

CREATE TABLE IF NOT EXISTS production_quality (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  check_no TEXT NOT NULL,
  receipt_id INTEGER,
  order_id INTEGER NOT NULL,
  order_no TEXT NOT NULL,
  product_id INTEGER NOT NULL,
  product_code TEXT NOT NULL,
  product_name TEXT NOT NULL,
  check_date TEXT NOT NULL,
  check_quantity TEXT NOT NULL,
  qualified_quantity TEXT NOT NULL,
  unqualified_quantity TEXT NOT NULL DEFAULT '0.0000',
  check_result INTEGER NOT NULL,
  defect_description TEXT,
  checker_id INTEGER,
  checker_name TEXT,
  remark TEXT,
  tenant_id INTEGER NOT NULL,
  create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  update_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  create_by TEXT,
  update_by TEXT,
  deleted INTEGER NOT NULL DEFAULT 0,
  UNIQUE (check_no, tenant_id, deleted)
);
CREATE INDEX IF NOT EXISTS production_quality_idx_receipt_id ON production_quality (receipt_id);
CREATE INDEX IF NOT EXISTS production_quality_idx_order_id ON production_quality (order_id);
CREATE INDEX IF NOT EXISTS production_quality_idx_product_id ON production_quality (product_id);
CREATE INDEX IF NOT EXISTS production_quality_idx_check_date ON production_quality (check_date);

CREATE TABLE IF NOT EXISTS production_plan_material (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  plan_id INTEGER NOT NULL,
  material_id INTEGER NOT NULL,
  material_code TEXT NOT NULL,
  material_name TEXT NOT NULL,
  specification TEXT,
  unit TEXT,
  required_quantity TEXT NOT NULL,
  current_stock TEXT NOT NULL,
  shortage_quantity TEXT NOT NULL,
  tenant_id INTEGER NOT NULL,
  create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  update_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  deleted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS production_plan_material_idx_plan_id ON production_plan_material (plan_id);
CREATE INDEX IF NOT EXISTS production_plan_material_idx_material_id ON production_plan_material (material_id);

CREATE TABLE IF NOT EXISTS production_bom (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  parent_product_id INTEGER NOT NULL,
  parent_product_code TEXT NOT NULL,
  parent_product_name TEXT NOT NULL,
  material_id INTEGER NOT NULL,
  material_code TEXT NOT NULL,
  material_name TEXT NOT NULL,
  specification TEXT,
  unit TEXT,
  quantity TEXT NOT NULL,
  material_type INTEGER NOT NULL,
  is_optional INTEGER NOT NULL DEFAULT 0,
  remark TEXT,
  tenant_id INTEGER NOT NULL,
  create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  update_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  create_by TEXT,
  update_by TEXT,
  deleted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS production_bom_idx_parent_product_id ON production_bom (parent_product_id);
CREATE INDEX IF NOT EXISTS production_bom_idx_material_id ON production_bom (material_id);

-- Which messages have taken effect: the proof against doing anything twice.
CREATE TABLE IF NOT EXISTS message_ledger (
  message_id TEXT NOT NULL,
  gateway_id TEXT NOT NULL,
  lane TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  message_type TEXT NOT NULL,
  received_time TEXT NOT NULL,
  PRIMARY KEY (message_id)
);
CREATE INDEX IF NOT EXISTS message_ledger_idx_received_time ON message_ledger (received_time);

-- How far each gateway has been heard, per lane and epoch.
CREATE TABLE IF NOT EXISTS gateways (
  gateway_id TEXT NOT NULL,
  lane TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL,
  last_seen TEXT NOT NULL,
  PRIMARY KEY (gateway_id, lane, epoch)
);

-- Sequences that were jumped over and have not arrived since.
CREATE TABLE IF NOT EXISTS sequence_gaps (
  gateway_id TEXT NOT NULL,
  lane TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  first_sequence INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL,
  since TEXT NOT NULL,
  PRIMARY KEY (gateway_id, lane, epoch, first_sequence)
);

-- Who reports work; not announced: known from reports only.
CREATE TABLE IF NOT EXISTS workers (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  worker_no TEXT NOT NULL,
  name TEXT NOT NULL,
  skills TEXT NOT NULL,
  active INTEGER NOT NULL DEFAULT 1,
  announced INTEGER NOT NULL DEFAULT 1,
  total_work_hours TEXT NOT NULL DEFAULT '0.00',
  tenant_id INTEGER NOT NULL,
  create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  update_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  UNIQUE (worker_no, tenant_id)
);

-- The routing of an order.
CREATE TABLE IF NOT EXISTS processes (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  order_id INTEGER NOT NULL,
  process_code TEXT NOT NULL,
  process_name TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  standard_hours TEXT,
  UNIQUE (order_id, process_code)
);

-- What has been reported per process of an order.
CREATE TABLE IF NOT EXISTS process_progress (
  order_id INTEGER NOT NULL,
  process_code TEXT NOT NULL,
  output_quantity TEXT NOT NULL DEFAULT '0.0000',
  qualified_quantity TEXT NOT NULL DEFAULT '0.0000',
  unqualified_quantity TEXT NOT NULL DEFAULT '0.0000',
  work_hours TEXT NOT NULL DEFAULT '0.00',
  final_reports INTEGER NOT NULL DEFAULT 0,
  last_report_time TEXT,
  PRIMARY KEY (order_id, process_code)
);

-- What an order carries beside the columns of its table.
CREATE TABLE IF NOT EXISTS order_details (
  order_id INTEGER NOT NULL,
  priority INTEGER NOT NULL DEFAULT 5,
  PRIMARY KEY (order_id)
);

-- The latest word of the gateways on the progress and schedule of an order.
CREATE TABLE IF NOT EXISTS order_messages (
  order_no TEXT NOT NULL,
  message_type TEXT NOT NULL,
  payload TEXT NOT NULL,
  message_time TEXT NOT NULL,
  gateway_id TEXT NOT NULL,
  PRIMARY KEY (order_no, message_type)
);

-- What a report carries beside the columns of its table.
CREATE TABLE IF NOT EXISTS report_details (
  report_no TEXT NOT NULL,
  tenant_id INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  order_id INTEGER NOT NULL,
  gateway_id TEXT NOT NULL,
  station TEXT NOT NULL,
  process_code TEXT NOT NULL,
  worker_no TEXT NOT NULL,
  equipment_code TEXT,
  is_final INTEGER NOT NULL DEFAULT 0,
  voids TEXT,
  voided_by TEXT,
  to_inspect TEXT NOT NULL DEFAULT '0.0000',
  crew TEXT NOT NULL,
  flags TEXT NOT NULL,
  scans TEXT NOT NULL,
  clock_synced INTEGER NOT NULL DEFAULT 0,
  reported_time TEXT NOT NULL,
  PRIMARY KEY (report_no, tenant_id)
);
CREATE INDEX IF NOT EXISTS report_details_idx_order_id ON report_details (order_id);

-- The nonconforming quantities of a report.
CREATE TABLE IF NOT EXISTS defects (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  report_no TEXT NOT NULL,
  tenant_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  quantity TEXT NOT NULL,
  reason TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS defects_idx_report_no ON defects (report_no);

-- The pieces that were reported by their serial: each once per process of an order.
CREATE TABLE IF NOT EXISTS report_serials (
  order_id INTEGER NOT NULL,
  process_code TEXT NOT NULL,
  serial TEXT NOT NULL,
  report_no TEXT NOT NULL,
  tenant_id INTEGER NOT NULL,
  PRIMARY KEY (order_id, process_code, serial)
);
CREATE INDEX IF NOT EXISTS report_serials_idx_report_no ON report_serials (report_no);

-- What an inspection carries beside the columns of its table.
CREATE TABLE IF NOT EXISTS quality_details (
  check_no TEXT NOT NULL,
  tenant_id INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  gateway_id TEXT NOT NULL,
  disposition TEXT,
  measurements TEXT NOT NULL,
  defects TEXT NOT NULL,
  PRIMARY KEY (check_no, tenant_id)
);

-- The unqualified pieces of an inspection by their fault, and what is done with them: none while that is not decided.
CREATE TABLE IF NOT EXISTS quality_dispositions (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  check_no TEXT NOT NULL,
  tenant_id INTEGER NOT NULL,
  order_id INTEGER NOT NULL,
  reason TEXT NOT NULL,
  quantity TEXT NOT NULL,
  disposition TEXT,
  decided_by TEXT,
  decided_time TEXT
);
CREATE INDEX IF NOT EXISTS quality_dispositions_idx_check_no ON quality_dispositions (check_no);
CREATE INDEX IF NOT EXISTS quality_dispositions_idx_order_id ON quality_dispositions (order_id);

-- The machines and their present state.
CREATE TABLE IF NOT EXISTS equipment (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  equipment_code TEXT NOT NULL,
  equipment_name TEXT NOT NULL,
  state TEXT,
  state_since TEXT,
  last_heard TEXT,
  tenant_id INTEGER NOT NULL,
  create_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  update_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  UNIQUE (equipment_code, tenant_id)
);

-- What the machines said, one row per message.
CREATE TABLE IF NOT EXISTS equipment_status (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  equipment_code TEXT NOT NULL,
  state TEXT,
  points TEXT NOT NULL,
  source_time TEXT NOT NULL,
  message_id TEXT NOT NULL,
  gateway_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS equipment_status_idx_equipment_time ON equipment_status (equipment_code, source_time);

-- Reason codes for scrap, rework, stops.
CREATE TABLE IF NOT EXISTS reasons (
  code TEXT NOT NULL,
  tenant_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  PRIMARY KEY (code, tenant_id)
);

-- What the gateways judged worth telling, and failures of equipment.
CREATE TABLE IF NOT EXISTS alerts (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  alert_id TEXT NOT NULL,
  alert_type TEXT NOT NULL,
  severity TEXT NOT NULL,
  message TEXT NOT NULL,
  order_no TEXT,
  equipment_code TEXT,
  point TEXT,
  payload TEXT NOT NULL,
  triggered_time TEXT NOT NULL,
  message_id TEXT NOT NULL,
  gateway_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS alerts_idx_triggered_time ON alerts (triggered_time);
CREATE INDEX IF NOT EXISTS alerts_idx_order_no ON alerts (order_no);

-- The life of an alert that is told more than once: how it stands by the latest word.
CREATE TABLE IF NOT EXISTS alert_lives (
  alert_id TEXT NOT NULL,
  state TEXT NOT NULL,
  triggered_time TEXT NOT NULL,
  ended_time TEXT,
  acknowledged_by TEXT,
  acknowledged_time TEXT,
  comment TEXT,
  tellings INTEGER NOT NULL DEFAULT 1,
  told_time TEXT NOT NULL,
  PRIMARY KEY (alert_id)
);
CREATE INDEX IF NOT EXISTS alert_lives_idx_state ON alert_lives (state);

-- Who changed what from outside.
CREATE TABLE IF NOT EXISTS audit_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  user_id TEXT NOT NULL,
  action TEXT NOT NULL,
  table_name TEXT NOT NULL,
  record_id INTEGER NOT NULL,
  record_key TEXT NOT NULL,
  old_value TEXT,
  new_value TEXT NOT NULL,
  ip_address TEXT,
  user_agent TEXT,
  created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_log_idx_record ON audit_log (table_name, record_id);

-- What was moved out of the tables, and where to.
CREATE TABLE IF NOT EXISTS archive_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  table_name TEXT NOT NULL,
  from_time TEXT NOT NULL,
  to_time TEXT NOT NULL,
  row_count INTEGER NOT NULL,
  archive_file TEXT NOT NULL,
  created_at TEXT NOT NULL
);

-- Counts every change of what stations work with.
CREATE TABLE IF NOT EXISTS reference_version (
  id INTEGER NOT NULL,
  store_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (id)
);

-- Which edition of this file made the tables.
CREATE TABLE IF NOT EXISTS schema_version (
  version INTEGER NOT NULL,
  PRIMARY KEY (version)
);
