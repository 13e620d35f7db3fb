CREATE TABLE `usage` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`cluster_id` text NOT NULL,
	`subject_id` text NOT NULL,
	`kind` text NOT NULL,
	`amount` integer NOT NULL,
	`started_at` integer NOT NULL,
	`ended_at` integer,
	FOREIGN KEY (`cluster_id`) REFERENCES `clusters`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `usage_open` ON `usage` (`subject_id`,`kind`) WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX `usage_subject` ON `usage` (`subject_id`);--> statement-breakpoint
CREATE INDEX `usage_cluster` ON `usage` (`cluster_id`,`started_at`);--> statement-breakpoint
CREATE INDEX `usage_project` ON `usage` (`project_id`,`started_at`);--> statement-breakpoint
ALTER TABLE `clusters` ADD `hibernation` text;