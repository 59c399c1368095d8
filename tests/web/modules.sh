# Gets what remote-controls a browser, outside of the source tree. To be sourced.

# browser_modules FOLDER: installs chromium, node and the two packages that package-lock.json names, where
# they are not there yet. Fails with a sentence if they are not to be had.
browser_modules() {
  local here packages=(chromium fonts-wqy-microhei)
  here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
  command -v node > /dev/null && command -v npm > /dev/null || packages+=(nodejs npm)
  bash "$here/../setup.sh" "${packages[@]}" ||
    { echo "FAILED: the pages cannot be looked at: ${packages[*]} cannot be installed" >&2; return 1; }
  cmp -s "$here/package-lock.json" "$1/package-lock.json" && [ -d "$1/node_modules/axe-core" ] && return
  mkdir -p "$1"
  cp "$here/package.json" "$here/package-lock.json" "$1/"
  npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=5 ||
    { rm -f "$1/package-lock.json"
      echo "FAILED: the pages cannot be looked at: npm cannot get playwright-core and axe-core" >&2; return 1; }
}
