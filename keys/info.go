package keys

// An InfoShape is which of the five forms of the info answer a key has.
type InfoShape uint8

// The shapes, in the order in which they are tried.
const (
	NotFound  InfoShape = iota // no key, or a revoked one
	Reusable                   // an upgrade failed or a renew succeeded: status, message, dates
	ByInvite                   // a legacy key: its invite and address
	ByMessage                  // status and message
	ByAccount                  // no message: the account's username and address
)

// InfoShape decides the form of the info answer.
func (k Key) InfoShape() InfoShape {
	switch {
	case !k.Exists() || k.Revoked:
		return NotFound
	case k.Status == FailedUpgrade || k.Status == SuccessRenew:
		return Reusable
	case k.Status == Active && k.Legacy():
		return ByInvite
	case k.Message != "":
		return ByMessage
	}
	return ByAccount
}
