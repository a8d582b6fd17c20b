UPDATE @table|note@ SET @column|rank@ = NULL WHERE @column|rank@ NOT REGEXP '^[0-9]{1,9}$';
ALTER TABLE @table|note@ MODIFY @column|rank@ INT;
