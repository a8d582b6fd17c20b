ALTER TABLE @table|note@ ALTER COLUMN @column|rank@ TYPE integer
  USING CASE WHEN @column|rank@ ~ '^[0-9]{1,9}$' THEN @column|rank@::integer END;
