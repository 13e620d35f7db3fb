CREATE TABLE `certificates` (
	`cluster_id` text NOT NULL,
	`name` text NOT NULL,
	`kind` text NOT NULL,
	`subject` text NOT NULL,
	`signed_by` text NOT NULL,
	`not_before` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`renews_at` integer,
	`ordinal` integer NOT NULL,
	PRIMARY KEY(`cluster_id`, `name`),
	FOREIGN KEY (`cluster_id`) REFERENCES `clusters`(`id`) ON UPDATE no action ON DELETE no action
);
