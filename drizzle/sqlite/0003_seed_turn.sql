DROP INDEX `clusters_seed`;--> statement-breakpoint
ALTER TABLE `clusters` ADD `seed_turn` text;--> statement-breakpoint
ALTER TABLE `clusters` ADD `seed_turn_at` integer;--> statement-breakpoint
CREATE INDEX `clusters_seed` ON `clusters` (`seed_id`,`seed_turn`);