module github.com/keyseat/keyseat/daemon/soak

go 1.26
