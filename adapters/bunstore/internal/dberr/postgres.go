package dberr

import (
	"errors"
	"io/fs"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// quotesNothing lists classes of SQLSTATE, and single codes, whose messages never quote a value of a statement. Such
// messages name roles, databases, tables, settings and the like. Messages of 22 (data), 23 (constraints) and 42601
// (syntax), for example, quote values.
var quotesNothing = []string{
	"08", "0A", "0L", "0P", "25", "26", "28", "3D", "3F", "40", "53", "54", "55", "57", "58", "F0",
	pgerrcode.InsufficientPrivilege, pgerrcode.DuplicatePreparedStatement, pgerrcode.DataCorrupted, pgerrcode.IndexCorrupted,
}

// quotesNames lists codes whose messages name a table or the like. A stored value can appear as such a name, as
// in 'x'::regclass. So that no value is shown, a text has only names that begin with keyseat_.
var quotesNames = []string{
	pgerrcode.UndefinedTable, pgerrcode.UndefinedColumn, pgerrcode.UndefinedFunction, pgerrcode.UndefinedObject,
	pgerrcode.DuplicateTable, pgerrcode.DuplicateColumn, pgerrcode.DuplicateObject, pgerrcode.DuplicateSchema,
}

var quotedName = regexp.MustCompile(`"[^"]*"`)

func ownNames(message string) string {
	return quotedName.ReplaceAllStringFunc(message, func(name string) string {
		if strings.HasPrefix(name, `"keyseat_`) {
			return name
		}
		return `"…"`
	})
}

var serverAdvice = map[string]string{
	pgerrcode.InsufficientPrivilege:             "let the owner of the database grant it to the role",
	pgerrcode.UndefinedTable:                    "run `keyseatd migrate`, and check the search_path",
	pgerrcode.DuplicateTable:                    "another program has made it: give keyseat a database or schema of its own",
	pgerrcode.InvalidCatalogName:                "create it, or correct the database's URL",
	pgerrcode.InvalidSchemaName:                 "create the schema, or correct the search_path of the role, the database or the URL",
	pgerrcode.InvalidPassword:                   "correct the user or the password in the database's URL",
	pgerrcode.InvalidAuthorizationSpecification: "correct the user in the database's URL, or the server's pg_hba.conf",
	pgerrcode.ReadOnlySQLTransaction:            "connect to the primary: this server is a standby, or default_transaction_read_only is on",
	pgerrcode.TooManyConnections:                "end other clients, lower --database-conns of the daemons, or raise max_connections or the role's connection limit",
	pgerrcode.ProtocolViolation:                 "if it is a pooler whose pool is full, lower --database-conns of the daemons, or enlarge the pool",
	pgerrcode.DiskFull:                          "free some space on the server",
	pgerrcode.QueryCanceled:                     "if it is the server's statement_timeout, raise it for the role",
	pgerrcode.LockNotAvailable:                  "another session holds the lock: find it in pg_locks, or try again",
	pgerrcode.AdminShutdown:                     "try again once the server is back",
	pgerrcode.CannotConnectNow:                  "try again once the server has started",
	pgerrcode.CharacterNotInRepertoire:          "use a database with ENCODING 'UTF8'",
	pgerrcode.UntranslatableCharacter:           "use a database with ENCODING 'UTF8'",
	pgerrcode.InvalidSQLStatementName:           "a pooler in transaction mode loses prepared statements: set --database-pooler transaction",
	pgerrcode.DuplicatePreparedStatement:        "a pooler in transaction mode mixes prepared statements up: set --database-pooler transaction",
}

// describeServer describes an error of the server. The description always has the SQLSTATE with its standard name. It
// has the server's message only if the message cannot quote a value.
func describeServer(err *pgconn.PgError) description {
	d := description{code: "SQLSTATE " + err.Code, advice: serverAdvice[err.Code]}
	name := conditionName(err.Code)
	if name != "" {
		d.code += " " + name
	}
	switch {
	case err.Message != "" && slices.ContainsFunc(quotesNothing, func(known string) bool { return strings.HasPrefix(err.Code, known) }):
		d.what = err.Message
	case err.Message != "" && slices.Contains(quotesNames, err.Code):
		d.what = ownNames(err.Message)
	case name != "":
		d.what = "the server reports: " + strings.ReplaceAll(name, "_", " ")
	default:
		d.what = "the server reports an error"
	}
	if err.ConstraintName != "" {
		d.what += ", constraint " + err.ConstraintName
	}
	return d
}

// describeConnect describes, for each address that pgx tried, the last error. With sslmode=prefer pgx tries each
// address a second time, without TLS.
func describeConnect(err *pgconn.ConnectError) description {
	var places []string
	found := map[string]description{}
	for _, e := range branches(err) {
		place, d := describeTry(e)
		if _, again := found[place]; !again {
			places = append(places, place)
		}
		found[place] = d
	}
	all := description{placed: true}
	for i, place := range places {
		if d := found[place]; i == 0 {
			all.what, all.advice = d.what, d.advice
		} else {
			all.what += "; " + d.what
		}
	}
	if password := err.Config.Password; password != "" {
		all.what = strings.ReplaceAll(all.what, password, "***")
	}
	return all
}

// branches returns the errors that [errors.Join] has joined in err. Without joined errors it returns the wrapped error.
func branches(err *pgconn.ConnectError) []error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		if joined, is := inner.(interface{ Unwrap() []error }); is {
			return joined.Unwrap()
		}
	}
	return []error{errors.Unwrap(err)}
}

// describeTry returns the address of one try to connect, and a description of its error. In pgx only the
// text of the error has the address: "address (host): step: error".
func describeTry(err error) (place string, d description) {
	if name, found := errors.AsType[*net.DNSError](err); found {
		return name.Name, description{what: "cannot find the PostgreSQL host " + name.Name + ": " + reason(err), advice: "check the host in the database's URL"}
	}
	place, rest, _ := strings.Cut(err.Error(), " (")
	host, step, found := strings.Cut(rest, "): ")
	if !found {
		return "", description{what: "cannot reach PostgreSQL: " + reason(err)}
	}
	if !strings.HasPrefix(place, "/") && !strings.HasPrefix(place, host) && !strings.HasPrefix(place, "["+host) {
		place = host + " (" + place + ")"
	}
	step, detail, _ := strings.Cut(step, ": ")
	if server, found := errors.AsType[*pgconn.PgError](err); found {
		d := describeServer(server)
		return place, description{what: "PostgreSQL at " + place + " refuses the connection: " + d.what + " (" + d.code + ")", advice: d.advice}
	}
	why := reason(err)
	switch _, foreign := errors.AsType[*pgproto3.ExceededMaxBodyLenErr](err); {
	case foreign:
		why = "the server does not speak PostgreSQL's protocol"
	case step == "dial error" || pgconn.Timeout(err):
	case step == "tls error":
		why, d.advice = "TLS: "+detail, "check sslmode and sslrootcert in the database's URL, and the server's certificate"
	default:
		why = step + ": " + why
	}
	d.what = "cannot reach PostgreSQL at " + place + ": " + why
	return place, d
}

var camel = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)

// conditionName returns the standard name of a SQLSTATE, or "". For example, 42501 is insufficient_privilege.
func conditionName(code string) string {
	return strings.ToLower(camel.ReplaceAllString(pgerrcode.Name(code), "$1${3}_$2$4"))
}

// errURL does not quote the URL, because any part of it may be the password.
var errURL = errors.New("the database URL is not valid: want postgres://user:password@host:port/database?sslmode=…, " +
	"special characters in the password percent-encoded")

// DescribeURL converts the error of a URL that cannot be parsed. The new error names the wrong parameter, and quotes no
// value except the path of a file.
func DescribeURL(err error) error {
	parse, found := errors.AsType[*pgconn.ParseConfigError](err)
	if !found {
		return errURL
	}
	problem := parse.Error()
	if at := strings.LastIndex(problem, "`: "); at >= 0 { // the text before this separator quotes the URL
		problem = problem[at+len("`: "):]
	}
	const wrong = "the database URL is not valid: "
	switch file, isFile := errors.AsType[*fs.PathError](err); {
	case isFile:
		return errors.New(wrong + describePath(file).what)
	case strings.HasPrefix(problem, "failed to configure TLS ("):
		return errors.New(wrong + "TLS: " + strings.TrimSuffix(problem[len("failed to configure TLS ("):], ")"))
	case strings.HasPrefix(problem, "failed to parse"):
		return errURL
	}
	for _, at := range []string{":", "\"", " ("} {
		problem, _, _ = strings.Cut(problem, at)
	}
	return errors.New(wrong + problem)
}
