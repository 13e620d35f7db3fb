ALTER TABLE `clusters` ADD `quorum` text;--> statement-breakpoint
ALTER TABLE `clusters` ADD `auto_restored_at` integer;