ALTER TABLE `backups` ADD `failures` text;--> statement-breakpoint
ALTER TABLE `backups` ADD `checked_at` integer;--> statement-breakpoint
ALTER TABLE `backups` ADD `loss` text;