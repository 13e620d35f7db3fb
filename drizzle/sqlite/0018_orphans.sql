CREATE TABLE `orphans` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`service` text NOT NULL,
	`kind` text NOT NULL,
	`external_id` text NOT NULL,
	`name` text NOT NULL,
	`cluster_id` text,
	`cluster_name` text,
	`reason` text NOT NULL,
	`state` text NOT NULL,
	`problem` text,
	`operation_id` text,
	`asked_at` integer,
	`found_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `orphans_thing` ON `orphans` (`project_id`,`service`,`kind`,`external_id`);--> statement-breakpoint
CREATE INDEX `orphans_operation` ON `orphans` (`operation_id`);