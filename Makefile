# Short cuts; cmake does the work (CMakePresets.json).
.PHONY: all test quick check-all bench leaderboard format clean
all:
	@tools/build.sh
test:
	@./test
quick:
	@./test quick
check-all:
	@tests/check-all
bench:
	@bench/run
leaderboard:
	@bench/run leaderboard --write
format:
	clang-format-16 -i $$(git ls-files '*.c' '*.h')
clean:
	rm -rf build build-*
