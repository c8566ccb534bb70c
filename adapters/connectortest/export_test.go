package connectortest

import "context"

// Check tests whether a subject keeps one part of the contract.
func Check(ctx context.Context, name string, s Subject) error {
	for _, c := range checks {
		if c.name == name {
			return c.run(ctx, s)
		}
	}
	panic("no check " + name)
}
