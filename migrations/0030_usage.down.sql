DROP TABLE cairn.stored_totals, cairn.usage_days;
