package memory_test

import (
	"testing"

	"github.com/keyseat/keyseat/adapters/storetest"
)

func TestArchive(t *testing.T) {
	storetest.RunArchive(t, func(t testing.TB) storetest.ArchiveStore { return open(t).(storetest.ArchiveStore) })
}
