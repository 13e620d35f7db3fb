ALTER TABLE `clusters` ADD `restored_at` integer;--> statement-breakpoint
ALTER TABLE `node_groups` ADD `adopted_at` integer;