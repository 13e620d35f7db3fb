CREATE TABLE `backups` (
	`id` text PRIMARY KEY NOT NULL,
	`cluster_id` text NOT NULL,
	`project_id` text NOT NULL,
	`name` text NOT NULL,
	`reason` text NOT NULL,
	`state` text NOT NULL,
	`snapshot` text,
	`verified_at` integer,
	`created_by` text NOT NULL,
	`generation` integer DEFAULT 1 NOT NULL,
	`observed_generation` integer DEFAULT 0 NOT NULL,
	`delete_requested_at` integer,
	`deleted_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`cluster_id`) REFERENCES `clusters`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `backups_cluster` ON `backups` (`cluster_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `backups_project` ON `backups` (`project_id`,`created_at`);