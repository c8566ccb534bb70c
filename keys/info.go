package keys

// An InfoShape is one of the five forms of the info response.
type InfoShape uint8

// The shapes, in the order in which [Key.InfoShape] checks for them.
const (
	NotFound  InfoShape = iota // the key does not exist, or is revoked
	Reusable                   // an upgrade failed or a renew succeeded: status, message, dates
	ByInvite                   // a legacy key: its invite and address
	ByMessage                  // status and message
	ByAccount                  // no message: the account's username and address
)

// InfoShape returns the form of the info response for the key.
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
