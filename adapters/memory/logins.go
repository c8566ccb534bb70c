package memory

import (
	"context"

	"github.com/keyseat/keyseat/tasks"
)

// CountLogins implements [tasks.LoginCounter].
func (s *Store) CountLogins(ctx context.Context, tests []tasks.LoginTest) ([]tasks.LoginCounts, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	counts := make([]tasks.LoginCounts, len(tests))
	for i, t := range tests {
		counts[i].Tests, counts[i].Logins = s.logins.Count(t.Login, string(t.Code))
	}
	return counts, nil
}

// ReleaseLogins implements [tasks.LoginCounter].
func (s *Store) ReleaseLogins(ctx context.Context, tests []tasks.LoginTest) error {
	for _, t := range tests {
		s.logins.Release(t.Login, string(t.Code), t.Succeeded)
	}
	return ctx.Err()
}
