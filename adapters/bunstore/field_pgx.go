package bunstore

import "github.com/jackc/pgx/v5/pgtype"

// With these methods a field reads a value that pgx has decoded. This costs half as much as [sql.Scanner].

// ScanText implements [pgtype.TextScanner].
func (f text[S]) ScanText(from pgtype.Text) error {
	*f.to = S(from.String)
	return nil
}

// ScanInt64 implements [pgtype.Int64Scanner].
func (f whole[N]) ScanInt64(from pgtype.Int8) error {
	*f.to = N(from.Int64)
	return nil
}

// ScanBool implements [pgtype.BoolScanner].
func (f flag) ScanBool(from pgtype.Bool) error {
	*f.to = from.Bool
	return nil
}

// ScanTimestamptz implements [pgtype.TimestamptzScanner].
func (f moment) ScanTimestamptz(from pgtype.Timestamptz) error {
	*f.to = from.Time.UTC()
	return nil
}
