-- The central production store on MySQL and MariaDB. Runs at every start, so every statement can run again.
-- First the eight tables of the production data design, column for column; then what the flows need beside them, whose
-- keys compare byte for byte, as they do on SQLite and in the code.
-- Nothing here names a database: the tables land in the one that the URL names. A statement ends with `;` at a line's end.

CREATE TABLE IF NOT EXISTS production_plan (
  id BIGINT(20) NOT NULL AUTO_INCREMENT COMMENT '主键',
  plan_no VARCHAR(50) NOT NULL COMMENT '计划编号',
  plan_name VARCHAR(200) NULL COMMENT '计划名称',
  plan_date DATE NOT NULL COMMENT '计划日期',
  plan_quantity DECIMAL(18,4) NOT NULL COMMENT '计划数量',
  status TINYINT(4) NOT NULL DEFAULT 0 COMMENT '状态(0-草稿,1-已审核,2-已下达,3-已完成,4-已取消)',
  product_id BIGINT(20) NOT NULL COMMENT '产品ID',
  product_code VARCHAR(50) NOT NULL COMMENT '产品编码',
  product_name VARCHAR(200) NOT NULL COMMENT '产品名称',
  delivery_date DATE NULL COMMENT '交货日期',
  remark VARCHAR(500) NULL COMMENT '备注',
  tenant_id BIGINT(20) NOT NULL COMMENT '租户ID',
  create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '创建时间',
  update_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '更新时间',
  create_by VARCHAR(50) NULL COMMENT '创建人',
  update_by VARCHAR(50) NULL COMMENT '更新人',
  deleted TINYINT(1) NOT NULL DEFAULT 0 COMMENT '删除标记(0-未删除,1-已删除)',
  PRIMARY KEY (id),
  UNIQUE KEY uk_plan_no (plan_no, tenant_id, deleted),
  KEY idx_product_id (product_id),
  KEY idx_plan_date (plan_date),
  KEY idx_status (status)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='生产计划表';

CREATE TABLE IF NOT EXISTS production_order (
  id BIGINT(20) NOT NULL AUTO_INCREMENT COMMENT '主键',
  order_no VARCHAR(50) NOT NULL COMMENT '订单编号',
  plan_id BIGINT(20) NULL COMMENT '计划ID',
  plan_no VARCHAR(50) NULL COMMENT '计划编号',
  order_date DATE NOT NULL COMMENT '订单日期',
  order_quantity DECIMAL(18,4) NOT NULL COMMENT '订单数量',
  completed_quantity DECIMAL(18,4) NOT NULL DEFAULT 0 COMMENT '完成数量',
  status TINYINT(4) NOT NULL DEFAULT 0 COMMENT '状态(0-草稿,1-已审核,2-已下达,3-生产中,4-已完成,5-已关闭)',
  product_id BIGINT(20) NOT NULL COMMENT '产品ID',
  product_code VARCHAR(50) NOT NULL COMMENT '产品编码',
  product_name VARCHAR(200) NOT NULL COMMENT '产品名称',
  start_date DATE NULL COMMENT '开始日期',
  end_date DATE NULL COMMENT '完成日期',
  delivery_date DATE NULL COMMENT '交货日期',
  workshop_id BIGINT(20) NULL COMMENT '车间ID',
  workshop_name VARCHAR(100) NULL COMMENT '车间名称',
  remark VARCHAR(500) NULL COMMENT '备注',
  tenant_id BIGINT(20) NOT NULL COMMENT '租户ID',
  create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '创建时间',
  update_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '更新时间',
  create_by VARCHAR(50) NULL COMMENT '创建人',
  update_by VARCHAR(50) NULL COMMENT '更新人',
  deleted TINYINT(1) NOT NULL DEFAULT 0 COMMENT '删除标记(0-未删除,1-已删除)',
  PRIMARY KEY (id),
  UNIQUE KEY uk_order_no (order_no, tenant_id, deleted),
  KEY idx_plan_id (plan_id),
  KEY idx_product_id (product_id),
  KEY idx_order_date (order_date),
  KEY idx_status (status)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='生产订单表';

CREATE TABLE IF NOT EXISTS production_material (
  id BIGINT(20) NOT NULL AUTO_INCREMENT COMMENT '主键',
  material_no VARCHAR(50) NOT NULL COMMENT '领料单号',
  order_id BIGINT(20) NOT NULL COMMENT '订单ID',
  order_no VARCHAR(50) NOT NULL COMMENT '订单编号',
  material_id BIGINT(20) NOT NULL COMMENT '物料ID',
  material_code VARCHAR(50) NOT NULL COMMENT '物料编码',
  material_name VARCHAR(200) NOT NULL COMMENT '物料名称',
  specification VARCHAR(200) NULL COMMENT '规格型号',
  unit VARCHAR(20) NULL COMMENT '单位',
  request_quantity DECIMAL(18,4) NOT NULL COMMENT '请领数量',
  issued_quantity DECIMAL(18,4) NOT NULL DEFAULT 0 COMMENT '实发数量',
  returned_quantity DECIMAL(18,4) NOT NULL DEFAULT 0 COMMENT '退回数量',
  warehouse_id BIGINT(20) NULL COMMENT '仓库ID',
  warehouse_name VARCHAR(100) NULL COMMENT '仓库名称',
  status TINYINT(4) NOT NULL DEFAULT 0 COMMENT '状态(0-草稿,1-已审核,2-已领料)',
  issue_date DATE NULL COMMENT '领料日期',
  remark VARCHAR(500) NULL COMMENT '备注',
  tenant_id BIGINT(20) NOT NULL COMMENT '租户ID',
  create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '创建时间',
  update_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '更新时间',
  create_by VARCHAR(50) NULL COMMENT '创建人',
  update_by VARCHAR(50) NULL COMMENT '更新人',
  deleted TINYINT(1) NOT NULL DEFAULT 0 COMMENT '删除标记(0-未删除,1-已删除)',
  PRIMARY KEY (id),
  UNIQUE KEY uk_material_no (material_no, tenant_id, deleted),
  KEY idx_order_id (order_id),
  KEY idx_material_id (material_id),
  KEY idx_issue_date (issue_date),
  KEY idx_status (status)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='生产领料表';

CREATE TABLE IF NOT EXISTS production_receipt (
  id BIGINT(20) NOT NULL AUTO_INCREMENT COMMENT '主键',
  receipt_no VARCHAR(50) NOT NULL COMMENT '入库单号',
  order_id BIGINT(20) NOT NULL COMMENT '订单ID',
  order_no VARCHAR(50) NOT NULL COMMENT '订单编号',
  product_id BIGINT(20) NOT NULL COMMENT '产品ID',
  product_code VARCHAR(50) NOT NULL COMMENT '产品编码',
  product_name VARCHAR(200) NOT NULL COMMENT '产品名称',
  receipt_quantity DECIMAL(18,4) NOT NULL COMMENT '入库数量',
  qualified_quantity DECIMAL(18,4) NOT NULL COMMENT '合格数量',
  unqualified_quantity DECIMAL(18,4) NOT NULL DEFAULT 0 COMMENT '不合格数量',
  warehouse_id BIGINT(20) NULL COMMENT '仓库ID',
  warehouse_name VARCHAR(100) NULL COMMENT '仓库名称',
  quality_status TINYINT(4) NOT NULL DEFAULT 0 COMMENT '质检状态(0-待质检,1-合格,2-不合格)',
  status TINYINT(4) NOT NULL DEFAULT 0 COMMENT '状态(0-草稿,1-已审核,2-已入库)',
  receipt_date DATE NOT NULL COMMENT '入库日期',
  remark VARCHAR(500) NULL COMMENT '备注',
  tenant_id BIGINT(20) NOT NULL COMMENT '租户ID',
  create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '创建时间',
  update_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '更新时间',
  create_by VARCHAR(50) NULL COMMENT '创建人',
  update_by VARCHAR(50) NULL COMMENT '更新人',
  deleted TINYINT(1) NOT NULL DEFAULT 0 COMMENT '删除标记(0-未删除,1-已删除)',
  PRIMARY KEY (id),
  UNIQUE KEY uk_receipt_no (receipt_no, tenant_id, deleted),
  KEY idx_order_id (order_id),
  KEY idx_product_id (product_id),
  KEY idx_receipt_date (receipt_date),
  KEY idx_status (status)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='生产入库表';

CREATE TABLE IF NOT EXISTS production_report (
  id BIGINT(20) NOT NULL AUTO_INCREMENT COMMENT '主键',
  report_no VARCHAR(50) NOT NULL COMMENT '报工单号',
  order_id BIGINT(20) NOT NULL COMMENT '订单ID',
  order_no VARCHAR(50) NOT NULL COMMENT '订单编号',
  process_id BIGINT(20) NULL COMMENT '工序ID',
  process_name VARCHAR(100) NULL COMMENT '工序名称',
  work_date DATE NOT NULL COMMENT '工作日期',
  work_hours DECIMAL(10,2) NOT NULL COMMENT '工作时长(小时)',
  output_quantity DECIMAL(18,4) NOT NULL COMMENT '产出数量',
  qualified_quantity DECIMAL(18,4) NOT NULL COMMENT '合格数量',
  unqualified_quantity DECIMAL(18,4) NOT NULL DEFAULT 0 COMMENT '不合格数量',
  worker_id BIGINT(20) NULL COMMENT '工人ID',
  worker_name VARCHAR(50) NULL COMMENT '工人姓名',
  equipment_id BIGINT(20) NULL COMMENT '设备ID',
  equipment_name VARCHAR(100) NULL COMMENT '设备名称',
  remark VARCHAR(500) NULL COMMENT '备注',
  tenant_id BIGINT(20) NOT NULL COMMENT '租户ID',
  create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '创建时间',
  update_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '更新时间',
  create_by VARCHAR(50) NULL COMMENT '创建人',
  update_by VARCHAR(50) NULL COMMENT '更新人',
  deleted TINYINT(1) NOT NULL DEFAULT 0 COMMENT '删除标记(0-未删除,1-已删除)',
  PRIMARY KEY (id),
  UNIQUE KEY uk_report_no (report_no, tenant_id, deleted),
  KEY idx_order_id (order_id),
  KEY idx_work_date (work_date),
  KEY idx_worker_id (worker_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='生产报工表';

CREATE TABLE IF NOT EXISTS production_quality (
  id BIGINT(20) NOT NULL AUTO_INCREMENT COMMENT '主键',
  check_no VARCHAR(50) NOT NULL COMMENT '质检单号',
  receipt_id BIGINT(20) NULL COMMENT '入库单ID',
  order_id BIGINT(20) NOT NULL COMMENT '订单ID',
  order_no VARCHAR(50) NOT NULL COMMENT '订单编号',
  product_id BIGINT(20) NOT NULL COMMENT '产品ID',
  product_code VARCHAR(50) NOT NULL COMMENT '产品编码',
  product_name VARCHAR(200) NOT NULL COMMENT '产品名称',
  check_date DATE NOT NULL COMMENT '质检日期',
  check_quantity DECIMAL(18,4) NOT NULL COMMENT '质检数量',
  qualified_quantity DECIMAL(18,4) NOT NULL COMMENT '合格数量',
  unqualified_quantity DECIMAL(18,4) NOT NULL DEFAULT 0 COMMENT '不合格数量',
  check_result TINYINT(4) NOT NULL COMMENT '质检结果(0-待检,1-合格,2-不合格)',
  defect_description VARCHAR(500) NULL COMMENT '缺陷描述',
  checker_id BIGINT(20) NULL COMMENT '质检人ID',
  checker_name VARCHAR(50) NULL COMMENT '质检人姓名',
  remark VARCHAR(500) NULL COMMENT '备注',
  tenant_id BIGINT(20) NOT NULL COMMENT '租户ID',
  create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '创建时间',
  update_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '更新时间',
  create_by VARCHAR(50) NULL COMMENT '创建人',
  update_by VARCHAR(50) NULL COMMENT '更新人',
  deleted TINYINT(1) NOT NULL DEFAULT 0 COMMENT '删除标记(0-未删除,1-已删除)',
  PRIMARY KEY (id),
  UNIQUE KEY uk_check_no (check_no, tenant_id, deleted),
  KEY idx_receipt_id (receipt_id),
  KEY idx_order_id (order_id),
  KEY idx_product_id (product_id),
  KEY idx_check_date (check_date)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='生产质检表';

CREATE TABLE IF NOT EXISTS production_plan_material (
  id BIGINT(20) NOT NULL AUTO_INCREMENT COMMENT '主键',
  plan_id BIGINT(20) NOT NULL COMMENT '计划ID',
  material_id BIGINT(20) NOT NULL COMMENT '物料ID',
  material_code VARCHAR(50) NOT NULL COMMENT '物料编码',
  material_name VARCHAR(200) NOT NULL COMMENT '物料名称',
  specification VARCHAR(200) NULL COMMENT '规格型号',
  unit VARCHAR(20) NULL COMMENT '单位',
  required_quantity DECIMAL(18,4) NOT NULL COMMENT '需求数量',
  current_stock DECIMAL(18,4) NOT NULL COMMENT '当前库存',
  shortage_quantity DECIMAL(18,4) NOT NULL COMMENT '短缺数量',
  tenant_id BIGINT(20) NOT NULL COMMENT '租户ID',
  create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '创建时间',
  update_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '更新时间',
  deleted TINYINT(1) NOT NULL DEFAULT 0 COMMENT '删除标记(0-未删除,1-已删除)',
  PRIMARY KEY (id),
  KEY idx_plan_id (plan_id),
  KEY idx_material_id (material_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='计划物料表';

CREATE TABLE IF NOT EXISTS production_bom (
  id BIGINT(20) NOT NULL AUTO_INCREMENT COMMENT '主键',
  parent_product_id BIGINT(20) NOT NULL COMMENT '父产品ID',
  parent_product_code VARCHAR(50) NOT NULL COMMENT '父产品编码',
  parent_product_name VARCHAR(200) NOT NULL COMMENT '父产品名称',
  material_id BIGINT(20) NOT NULL COMMENT '物料ID',
  material_code VARCHAR(50) NOT NULL COMMENT '物料编码',
  material_name VARCHAR(200) NOT NULL COMMENT '物料名称',
  specification VARCHAR(200) NULL COMMENT '规格型号',
  unit VARCHAR(20) NULL COMMENT '单位',
  quantity DECIMAL(18,4) NOT NULL COMMENT '用量',
  material_type TINYINT(4) NOT NULL COMMENT '物料类型(1-原料,2-半成品,3-辅料)',
  is_optional TINYINT(1) NOT NULL DEFAULT 0 COMMENT '是否可选(0-否,1-是)',
  remark VARCHAR(500) NULL COMMENT '备注',
  tenant_id BIGINT(20) NOT NULL COMMENT '租户ID',
  create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '创建时间',
  update_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT '更新时间',
  create_by VARCHAR(50) NULL COMMENT '创建人',
  update_by VARCHAR(50) NULL COMMENT '更新人',
  deleted TINYINT(1) NOT NULL DEFAULT 0 COMMENT '删除标记(0-未删除,1-已删除)',
  PRIMARY KEY (id),
  KEY idx_parent_product_id (parent_product_id),
  KEY idx_material_id (material_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='物料清单表';

CREATE TABLE IF NOT EXISTS message_ledger (
  message_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  gateway_id VARCHAR(50) NOT NULL,
  lane VARCHAR(16) NOT NULL,
  epoch BIGINT NOT NULL,
  sequence BIGINT NOT NULL,
  message_type VARCHAR(50) NOT NULL,
  received_time DATETIME(3) NOT NULL,
  PRIMARY KEY (message_id),
  KEY idx_received_time (received_time)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='Which messages have taken effect: the proof against doing anything twice';

CREATE TABLE IF NOT EXISTS gateways (
  gateway_id VARCHAR(50) NOT NULL,
  lane VARCHAR(16) NOT NULL,
  epoch BIGINT NOT NULL,
  last_sequence BIGINT NOT NULL,
  last_seen DATETIME(3) NOT NULL,
  PRIMARY KEY (gateway_id, lane, epoch)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='How far each gateway has been heard, per lane and epoch';

CREATE TABLE IF NOT EXISTS sequence_gaps (
  gateway_id VARCHAR(50) NOT NULL,
  lane VARCHAR(16) NOT NULL,
  epoch BIGINT NOT NULL,
  first_sequence BIGINT NOT NULL,
  last_sequence BIGINT NOT NULL,
  since DATETIME(3) NOT NULL,
  PRIMARY KEY (gateway_id, lane, epoch, first_sequence)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='Sequences that were jumped over and have not arrived since';

CREATE TABLE IF NOT EXISTS workers (
  id BIGINT NOT NULL AUTO_INCREMENT,
  worker_no VARCHAR(50) NOT NULL,
  name VARCHAR(50) NOT NULL,
  skills LONGTEXT NOT NULL,
  active TINYINT(1) NOT NULL DEFAULT 1,
  announced TINYINT(1) NOT NULL DEFAULT 1,
  total_work_hours DECIMAL(18,2) NOT NULL DEFAULT 0,
  tenant_id BIGINT NOT NULL,
  create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  update_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  UNIQUE KEY uk_worker_no (worker_no, tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='Who reports work; not announced: known from reports only';

CREATE TABLE IF NOT EXISTS processes (
  id BIGINT NOT NULL AUTO_INCREMENT,
  order_id BIGINT NOT NULL,
  process_code VARCHAR(50) NOT NULL,
  process_name VARCHAR(100) NOT NULL,
  sequence BIGINT NOT NULL,
  standard_hours DECIMAL(18,8) NULL COMMENT 'Labor hours for one piece',
  PRIMARY KEY (id),
  UNIQUE KEY uk_order_process (order_id, process_code)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='The routing of an order';

CREATE TABLE IF NOT EXISTS process_progress (
  order_id BIGINT NOT NULL,
  process_code VARCHAR(50) NOT NULL,
  output_quantity DECIMAL(18,4) NOT NULL DEFAULT 0,
  qualified_quantity DECIMAL(18,4) NOT NULL DEFAULT 0,
  unqualified_quantity DECIMAL(18,4) NOT NULL DEFAULT 0,
  work_hours DECIMAL(18,2) NOT NULL DEFAULT 0,
  final_reports BIGINT NOT NULL DEFAULT 0,
  last_report_time DATETIME(3),
  PRIMARY KEY (order_id, process_code)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='What has been reported per process of an order';

CREATE TABLE IF NOT EXISTS order_details (
  order_id BIGINT NOT NULL,
  priority BIGINT NOT NULL DEFAULT 5,
  PRIMARY KEY (order_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='What an order carries beside the columns of its table';

CREATE TABLE IF NOT EXISTS order_messages (
  order_no VARCHAR(50) NOT NULL,
  message_type VARCHAR(50) NOT NULL,
  payload LONGTEXT NOT NULL,
  message_time DATETIME(3) NOT NULL,
  gateway_id VARCHAR(50) NOT NULL,
  PRIMARY KEY (order_no, message_type)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='The latest word of the gateways on the progress and schedule of an order';

CREATE TABLE IF NOT EXISTS report_details (
  report_no VARCHAR(50) NOT NULL,
  tenant_id BIGINT NOT NULL,
  message_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  order_id BIGINT NOT NULL,
  gateway_id VARCHAR(50) NOT NULL,
  station VARCHAR(100) NOT NULL,
  process_code VARCHAR(50) NOT NULL,
  worker_no VARCHAR(50) NOT NULL,
  equipment_code VARCHAR(100),
  is_final TINYINT(1) NOT NULL DEFAULT 0,
  voids VARCHAR(50),
  voided_by VARCHAR(50),
  to_inspect DECIMAL(18,4) NOT NULL DEFAULT 0,
  crew LONGTEXT NOT NULL,
  flags LONGTEXT NOT NULL,
  scans LONGTEXT NOT NULL,
  clock_synced TINYINT(1) NOT NULL DEFAULT 0,
  reported_time DATETIME(3) NOT NULL,
  PRIMARY KEY (report_no, tenant_id),
  KEY idx_order_id (order_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='What a report carries beside the columns of its table';

CREATE TABLE IF NOT EXISTS defects (
  id BIGINT NOT NULL AUTO_INCREMENT,
  report_no VARCHAR(50) NOT NULL,
  tenant_id BIGINT NOT NULL,
  kind VARCHAR(20) NOT NULL,
  quantity DECIMAL(18,4) NOT NULL,
  reason VARCHAR(100) NOT NULL,
  PRIMARY KEY (id),
  KEY idx_report_no (report_no)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='The nonconforming quantities of a report';

CREATE TABLE IF NOT EXISTS report_serials (
  order_id BIGINT NOT NULL,
  process_code VARCHAR(50) NOT NULL,
  serial VARCHAR(128) NOT NULL,
  report_no VARCHAR(50) NOT NULL,
  tenant_id BIGINT NOT NULL,
  PRIMARY KEY (order_id, process_code, serial),
  KEY idx_report_no (report_no)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='The pieces that were reported by their serial: each once per process of an order';

CREATE TABLE IF NOT EXISTS quality_details (
  check_no VARCHAR(50) NOT NULL,
  tenant_id BIGINT NOT NULL,
  message_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  gateway_id VARCHAR(50) NOT NULL,
  disposition VARCHAR(100),
  measurements LONGTEXT NOT NULL,
  defects LONGTEXT NOT NULL,
  PRIMARY KEY (check_no, tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='What an inspection carries beside the columns of its table';

CREATE TABLE IF NOT EXISTS quality_dispositions (
  id BIGINT NOT NULL AUTO_INCREMENT,
  check_no VARCHAR(50) NOT NULL,
  tenant_id BIGINT NOT NULL,
  order_id BIGINT NOT NULL,
  reason VARCHAR(500) NOT NULL,
  quantity DECIMAL(18,4) NOT NULL,
  disposition VARCHAR(20),
  decided_by VARCHAR(50),
  decided_time DATETIME(3),
  PRIMARY KEY (id),
  KEY idx_check_no (check_no),
  KEY idx_order_id (order_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='The unqualified pieces of an inspection by their fault, and what is done with them';

CREATE TABLE IF NOT EXISTS equipment (
  id BIGINT NOT NULL AUTO_INCREMENT,
  equipment_code VARCHAR(100) NOT NULL,
  equipment_name VARCHAR(100) NOT NULL,
  state VARCHAR(50),
  state_since DATETIME(3),
  last_heard DATETIME(3),
  tenant_id BIGINT NOT NULL,
  create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  update_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  UNIQUE KEY uk_equipment_code (equipment_code, tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='The machines and their present state';

CREATE TABLE IF NOT EXISTS equipment_status (
  id BIGINT NOT NULL AUTO_INCREMENT,
  equipment_code VARCHAR(100) NOT NULL,
  state VARCHAR(50),
  points LONGTEXT NOT NULL,
  source_time DATETIME(3) NOT NULL,
  message_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  gateway_id VARCHAR(50) NOT NULL,
  PRIMARY KEY (id),
  KEY idx_equipment_time (equipment_code, source_time)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='What the machines said, one row per message';

CREATE TABLE IF NOT EXISTS reasons (
  code VARCHAR(50) NOT NULL,
  tenant_id BIGINT NOT NULL,
  name VARCHAR(200) NOT NULL,
  kind VARCHAR(50) NOT NULL,
  PRIMARY KEY (code, tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='Reason codes for scrap, rework, stops';

CREATE TABLE IF NOT EXISTS alerts (
  id BIGINT NOT NULL AUTO_INCREMENT,
  alert_id VARCHAR(100) NOT NULL,
  alert_type VARCHAR(100) NOT NULL,
  severity VARCHAR(20) NOT NULL,
  message VARCHAR(1000) NOT NULL,
  order_no VARCHAR(50),
  equipment_code VARCHAR(100),
  point VARCHAR(100),
  payload LONGTEXT NOT NULL,
  triggered_time DATETIME(3) NOT NULL,
  message_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  gateway_id VARCHAR(50) NOT NULL,
  PRIMARY KEY (id),
  KEY idx_triggered_time (triggered_time),
  KEY idx_order_no (order_no)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='What the gateways judged worth telling, and failures of equipment';

CREATE TABLE IF NOT EXISTS alert_lives (
  alert_id VARCHAR(100) NOT NULL,
  state VARCHAR(20) NOT NULL,
  triggered_time DATETIME(3) NOT NULL,
  ended_time DATETIME(3),
  acknowledged_by VARCHAR(50),
  acknowledged_time DATETIME(3),
  comment VARCHAR(500),
  tellings BIGINT NOT NULL DEFAULT 1,
  told_time DATETIME(3) NOT NULL,
  PRIMARY KEY (alert_id),
  KEY idx_state (state)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='The life of an alert that is told more than once: how it stands by the latest word';

CREATE TABLE IF NOT EXISTS audit_log (
  id BIGINT NOT NULL AUTO_INCREMENT,
  user_id VARCHAR(50) NOT NULL,
  action VARCHAR(50) NOT NULL,
  table_name VARCHAR(50) NOT NULL,
  record_id BIGINT NOT NULL,
  record_key VARCHAR(100) NOT NULL,
  old_value LONGTEXT,
  new_value LONGTEXT NOT NULL,
  ip_address VARCHAR(50),
  user_agent VARCHAR(200),
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (id),
  KEY idx_record (table_name, record_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='Who changed what from outside';

CREATE TABLE IF NOT EXISTS archive_log (
  id BIGINT NOT NULL AUTO_INCREMENT,
  table_name VARCHAR(50) NOT NULL,
  from_time DATETIME NOT NULL,
  to_time DATETIME NOT NULL,
  row_count BIGINT NOT NULL,
  archive_file VARCHAR(500) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='What was moved out of the tables, and where to';

CREATE TABLE IF NOT EXISTS reference_version (
  id BIGINT NOT NULL,
  store_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='Counts every change of what stations work with';

CREATE TABLE IF NOT EXISTS schema_version (
  version BIGINT NOT NULL,
  PRIMARY KEY (version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='Which edition of this file made the tables';
