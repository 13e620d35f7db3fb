CREATE TABLE `audit` (
	`number` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`user_id` text NOT NULL,
	`user_name` text NOT NULL,
	`project_id` text,
	`action` text NOT NULL,
	`target_kind` text,
	`target_id` text,
	`request_id` text,
	`input_hash` text
);
--> statement-breakpoint
CREATE INDEX `audit_at` ON `audit` (`at`);--> statement-breakpoint
CREATE TABLE `clusters` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`name` text NOT NULL,
	`short_id` text NOT NULL,
	`template_id` text NOT NULL,
	`template_revision` integer NOT NULL,
	`requested_seed_id` text,
	`seed_id` text,
	`spec` text NOT NULL,
	`overrides` text NOT NULL,
	`resolved` text,
	`placement` text,
	`trust` text,
	`endpoint_host` text,
	`endpoint_port` integer,
	`ca_certificate` text,
	`state` text NOT NULL,
	`deletion_protection` integer DEFAULT false NOT NULL,
	`created_by` text NOT NULL,
	`event_number` integer DEFAULT 0 NOT NULL,
	`generation` integer DEFAULT 1 NOT NULL,
	`observed_generation` integer DEFAULT 0 NOT NULL,
	`delete_requested_at` integer,
	`deleted_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`template_id`) REFERENCES `templates`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`seed_id`) REFERENCES `seeds`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `clusters_project` ON `clusters` (`project_id`,`name`) WHERE deleted_at is null;--> statement-breakpoint
CREATE UNIQUE INDEX `clusters_short_id` ON `clusters` (`short_id`);--> statement-breakpoint
CREATE INDEX `clusters_seed` ON `clusters` (`seed_id`);--> statement-breakpoint
CREATE INDEX `clusters_template` ON `clusters` (`template_id`);--> statement-breakpoint
CREATE TABLE `conditions` (
	`object_id` text NOT NULL,
	`object_kind` text NOT NULL,
	`name` text NOT NULL,
	`title` text NOT NULL,
	`status` text NOT NULL,
	`state` text NOT NULL,
	`reason` text NOT NULL,
	`message` text NOT NULL,
	`problem` text,
	`waiting_for` text,
	`observed_generation` integer NOT NULL,
	`last_transition_at` integer NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`ordinal` integer NOT NULL,
	PRIMARY KEY(`object_id`, `name`)
);
--> statement-breakpoint
CREATE TABLE `events` (
	`stream_id` text NOT NULL,
	`number` integer NOT NULL,
	`at` integer NOT NULL,
	`subject_kind` text NOT NULL,
	`subject_id` text NOT NULL,
	`subject_name` text NOT NULL,
	`step` text,
	`title` text,
	`state` text NOT NULL,
	`percent` integer,
	`message` text NOT NULL,
	`problem` text,
	`operation_id` text,
	`settled` integer DEFAULT false NOT NULL,
	PRIMARY KEY(`stream_id`, `number`)
);
--> statement-breakpoint
CREATE TABLE `idempotency_keys` (
	`scope` text NOT NULL,
	`key` text NOT NULL,
	`mutation` text NOT NULL,
	`input_hash` text NOT NULL,
	`result` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`scope`, `key`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_age` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
CREATE TABLE `inventory` (
	`id` text PRIMARY KEY NOT NULL,
	`cluster_id` text NOT NULL,
	`owner_id` text NOT NULL,
	`service` text NOT NULL,
	`kind` text NOT NULL,
	`name` text NOT NULL,
	`external_id` text,
	`state` text NOT NULL,
	`made_by` text NOT NULL,
	`fingerprint` text,
	`observed` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `inventory_owner` ON `inventory` (`owner_id`,`service`,`kind`,`name`);--> statement-breakpoint
CREATE INDEX `inventory_cluster` ON `inventory` (`cluster_id`);--> statement-breakpoint
CREATE TABLE `node_groups` (
	`id` text PRIMARY KEY NOT NULL,
	`cluster_id` text NOT NULL,
	`name` text NOT NULL,
	`is_default` integer DEFAULT false NOT NULL,
	`spec` text NOT NULL,
	`resolved` text,
	`nodes_to_remove` text NOT NULL,
	`state` text NOT NULL,
	`generation` integer DEFAULT 1 NOT NULL,
	`observed_generation` integer DEFAULT 0 NOT NULL,
	`delete_requested_at` integer,
	`deleted_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`cluster_id`) REFERENCES `clusters`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `node_groups_cluster` ON `node_groups` (`cluster_id`,`name`) WHERE deleted_at is null;--> statement-breakpoint
CREATE TABLE `nodes` (
	`id` text PRIMARY KEY NOT NULL,
	`cluster_id` text NOT NULL,
	`node_group_id` text NOT NULL,
	`name` text NOT NULL,
	`state` text NOT NULL,
	`server_id` text,
	`port_id` text,
	`volume_id` text,
	`address` text,
	`floating_ip` text,
	`zone` text,
	`kubelet_version` text,
	`fault` text,
	`generation` integer DEFAULT 1 NOT NULL,
	`observed_generation` integer DEFAULT 0 NOT NULL,
	`delete_requested_at` integer,
	`deleted_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`cluster_id`) REFERENCES `clusters`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`node_group_id`) REFERENCES `node_groups`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `nodes_group` ON `nodes` (`node_group_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `nodes_cluster` ON `nodes` (`cluster_id`,`name`) WHERE deleted_at is null;--> statement-breakpoint
CREATE TABLE `operations` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`target_kind` text NOT NULL,
	`target_id` text NOT NULL,
	`cluster_id` text,
	`project_id` text,
	`generation` integer NOT NULL,
	`state` text NOT NULL,
	`percent` integer DEFAULT 0 NOT NULL,
	`steps` text NOT NULL,
	`problem` text,
	`requested_by` text NOT NULL,
	`requested_at` integer NOT NULL,
	`finished_at` integer
);
--> statement-breakpoint
CREATE INDEX `operations_target` ON `operations` (`target_id`,`state`);--> statement-breakpoint
CREATE INDEX `operations_cluster` ON `operations` (`cluster_id`,`requested_at`);--> statement-breakpoint
CREATE TABLE `secrets` (
	`owner_id` text NOT NULL,
	`name` text NOT NULL,
	`key_id` text NOT NULL,
	`sealed` blob NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`owner_id`, `name`)
);
--> statement-breakpoint
CREATE TABLE `seeds` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`region` text,
	`labels` text NOT NULL,
	`exposure` text NOT NULL,
	`max_clusters` integer,
	`cordoned` integer DEFAULT false NOT NULL,
	`api_server_url` text NOT NULL,
	`storage_class` text,
	`pod_cidr` text,
	`service_cidr` text,
	`facts` text,
	`state` text NOT NULL,
	`event_number` integer DEFAULT 0 NOT NULL,
	`generation` integer DEFAULT 1 NOT NULL,
	`observed_generation` integer DEFAULT 0 NOT NULL,
	`delete_requested_at` integer,
	`deleted_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `seeds_name` ON `seeds` (`name`) WHERE deleted_at is null;--> statement-breakpoint
CREATE TABLE `template_revisions` (
	`template_id` text NOT NULL,
	`revision` integer NOT NULL,
	`spec` text NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`template_id`, `revision`),
	FOREIGN KEY (`template_id`) REFERENCES `templates`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `templates` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`name` text NOT NULL,
	`visibility` text NOT NULL,
	`revision` integer NOT NULL,
	`generation` integer DEFAULT 1 NOT NULL,
	`deleted_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `templates_project` ON `templates` (`project_id`,`name`) WHERE deleted_at is null;--> statement-breakpoint
CREATE TABLE `work_items` (
	`kind` text NOT NULL,
	`id` text NOT NULL,
	`due_at` integer NOT NULL,
	`lease_owner` text,
	`lease_until` integer,
	`fence` integer DEFAULT 0 NOT NULL,
	`wake` integer DEFAULT 0 NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	PRIMARY KEY(`kind`, `id`)
);
--> statement-breakpoint
CREATE INDEX `work_items_due` ON `work_items` (`due_at`);