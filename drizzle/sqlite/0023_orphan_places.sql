PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_orphans` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text,
	`seed_id` text,
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
INSERT INTO `__new_orphans`("id", "project_id", "seed_id", "service", "kind", "external_id", "name", "cluster_id", "cluster_name", "reason", "state", "problem", "operation_id", "asked_at", "found_at", "updated_at") SELECT "id", "project_id", NULL, "service", "kind", "external_id", "name", "cluster_id", "cluster_name", "reason", "state", "problem", "operation_id", "asked_at", "found_at", "updated_at" FROM `orphans`;--> statement-breakpoint
DROP TABLE `orphans`;--> statement-breakpoint
ALTER TABLE `__new_orphans` RENAME TO `orphans`;--> statement-breakpoint
PRAGMA foreign_keys=ON;--> statement-breakpoint
CREATE UNIQUE INDEX `orphans_thing` ON `orphans` (`service`,`kind`,`external_id`,`project_id`);--> statement-breakpoint
CREATE INDEX `orphans_operation` ON `orphans` (`operation_id`);