package harness

// The messages and answers of the API. They are copies, so that a change in the program fails a test.
const (
	UnknownKey      = "This key was not found in our database"
	PasswordMissing = "The password is missing"
	PasswordWeak    = "The password must be at least 10 characters long and include at least one number or special character (e.g., # ? ! &)"
	LoginMissing    = "The login is missing"
	CountryInvalid  = "The country must be an ISO 3166-1 alpha-2 code (e.g., US)"
	EmailInvalid    = "The new email address is invalid"
	UpgradeOpen     = "You are processing already an upgrade task, wait until the end, you can check the current status via the key info"
	RenewOpen       = "You are processing already a renew task, wait until the end, you can check the current status via the key info"
	KeyUsed         = "This key is not usable, your account is still premium, if not, renew it"
	KeyUnused       = "This key is usable, you can proceed with the upgrade"
	KeyLegacy       = "This key was last used with the old system, to proceed with the renew try to join again the family, you can retrieve invite and address in the info page. In case family is full or invite is expired, contact support by sending Key, Order ID and Downgrade screenshots"

	NotExist    = `{"status":"not_exist","message":"This key was not found in our database"}`
	UpgradeSent = `{"status":"success","message":"Upgrade request sent successfully, your account will be Premium in a few minutes, you can check the status via the key info"}`
	RenewSent   = `{"status":"success","message":"Renew request sent successfully, your account will be renewed in a few minutes you can check the status via the key info"}`
	TooMany     = `{"status":"error","message":"Too many requests, try again later"}`
	Unavailable = `{"status":"error","message":"System error, try again and if the problem persists contact support"}`
)

// Messages are the messages that info shows after a task has ended, by the outcome of the task.
var Messages = map[string]string{
	"system_error":        "System error, try again and if the problem persists contact support",
	"invalid_credentials": "Account details provided are invalid",
	"account_locked":      "Account has been temporarily locked by Spotify, please try again in a few hours. If the issue persists, consider using a different account",
	"out_of_stock":        "There are currently no more upgrades available in stock for the desired location, try a different country",
	"already_premium":     "The account provided is already premium",
	"upgraded_recently":   "Your account was upgraded less than 12 months ago, you need to use another one",
	"plan_expired":        "Family plan is expired",
	"plan_full":           "Family plan is full",
	"plan_invalid":        "Family plan is invalid",
	"already_member":      "Error with family plan, likely already registered to it",
	"wrong_address":       "Wrong address",
	"still_premium":       "The account provided is still premium",
}

// NotDurable is the beginning of the warnings about settings with which a server may lose confirmed commits.
const NotDurable = "the database is not durable"
