CREATE TABLE `addon_bundle_revisions` (
	`bundle_id` text NOT NULL,
	`revision` integer NOT NULL,
	`manifests` text NOT NULL,
	`objects` text NOT NULL,
	`options_schema` text NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`bundle_id`, `revision`),
	FOREIGN KEY (`bundle_id`) REFERENCES `addon_bundles`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `addon_bundles` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`revision` integer NOT NULL,
	`generation` integer DEFAULT 1 NOT NULL,
	`deleted_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `addon_bundles_name` ON `addon_bundles` (`name`) WHERE deleted_at is null;--> statement-breakpoint
ALTER TABLE `clusters` ADD `bundle_states` text;