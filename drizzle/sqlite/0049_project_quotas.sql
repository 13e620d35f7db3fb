CREATE TABLE `project_quotas` (
	`project_id` text PRIMARY KEY NOT NULL,
	`limits` text NOT NULL,
	`generation` integer NOT NULL,
	`updated_by` text NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE `node_groups` ADD `vcpus` integer;