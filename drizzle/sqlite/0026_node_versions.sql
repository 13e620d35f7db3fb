ALTER TABLE `clusters` ADD `running_version` text;--> statement-breakpoint
ALTER TABLE `node_groups` ADD `kubernetes_version` text;--> statement-breakpoint
ALTER TABLE `node_groups` ADD `names_generation` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `nodes` ADD `kubernetes_version` text;--> statement-breakpoint
ALTER TABLE `nodes` ADD `image_id` text;--> statement-breakpoint
ALTER TABLE `nodes` ADD `flavor_id` text;--> statement-breakpoint
ALTER TABLE `nodes` ADD `settings_digest` text;