ALTER TABLE `node_groups` ADD `healing` text;--> statement-breakpoint
ALTER TABLE `nodes` ADD `joining_since` integer;--> statement-breakpoint
ALTER TABLE `nodes` ADD `trouble` text;--> statement-breakpoint
ALTER TABLE `operations` ADD `reason` text;