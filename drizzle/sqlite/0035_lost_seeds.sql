ALTER TABLE `seeds` ADD `silent_since` integer;--> statement-breakpoint
ALTER TABLE `seeds` ADD `lost_at` integer;