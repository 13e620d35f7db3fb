CREATE TABLE `kubeconfigs` (
	`id` text PRIMARY KEY NOT NULL,
	`cluster_id` text NOT NULL,
	`kind` text NOT NULL,
	`role` text NOT NULL,
	`user_name` text NOT NULL,
	`owner_id` text NOT NULL,
	`owner` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`bound_at` integer,
	`unbound_at` integer,
	`revoked_at` integer,
	`revoked_by` text,
	FOREIGN KEY (`cluster_id`) REFERENCES `clusters`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `kubeconfigs_cluster` ON `kubeconfigs` (`cluster_id`,`created_at`);