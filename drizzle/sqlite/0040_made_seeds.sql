ALTER TABLE `seeds` ADD `made` text;--> statement-breakpoint
ALTER TABLE `seeds` ADD `place` text;