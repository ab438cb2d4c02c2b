#!/usr/bin/env bash
# Installs the system packages that this project needs and this machine lacks (Debian, Ubuntu and relatives).
#
#   deploy/install-packages.sh           what `make up` runs: Redis, HAProxy, Prometheus, Alertmanager, libraries
#   deploy/install-packages.sh --venv    what making a .venv needs
#   deploy/install-packages.sh --tests   what `make test` needs besides
#   deploy/install-packages.sh --peers   the exporters that benchmarks/exporters measures ours against
#
# Says nothing and needs no rights when nothing is missing. Services of the packages are not started, nor at the next
# boot: `monitor up` runs its own. MongoDB is not here: mongod comes from PATH or from a Python wheel (CONTRIBUTING.md).
set -euo pipefail

POLICY=/usr/sbin/policy-rc.d
SAVED=$POLICY.before-install-packages

# "how to see that it is there" "package". A program that was installed in another way counts.
STACK=(
    "program redis-server" redis-server
    "program haproxy" haproxy
    "program prometheus" prometheus
    "program promtool" prometheus
    "program prometheus-alertmanager alertmanager" prometheus-alertmanager
    "library libcurl.so.4" libcurl4
    "library libpango-1.0.so.0" libpango-1.0-0
    "library libpangoft2-1.0.so.0" libpangoft2-1.0-0
    "library libharfbuzz-subset.so.0" libharfbuzz-subset0
    "file /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf" fonts-dejavu-core
)
VENV=("module ensurepip" python3-venv)
TESTS=(
    "program amtool" prometheus-alertmanager
    "program chromium chromium-browser google-chrome" chromium
    "program docker-compose" docker-compose
    "program pdftotext" poppler-utils
    # What the commands in runbooks are held to.
    "program shellcheck" shellcheck
    # What the host's figures are compared with.
    "program prometheus-node-exporter" prometheus-node-exporter
)
PEERS=(
    "program prometheus-redis-exporter" prometheus-redis-exporter
    "program prometheus-node-exporter" prometheus-node-exporter
)

fail() {
    echo "install-packages: $*" >&2
    exit 2
}

is_there() { # KIND NAME...
    local kind=$1 name
    shift
    for name in "$@"; do
        case $kind in
            program) PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v "$name" >/dev/null && return ;;
            # Not piped into grep: it would leave early, and pipefail would take that for an answer.
            library) [[ $(PATH=$PATH:/usr/sbin:/sbin ldconfig -p) == *"$name "* ]] && return ;;
            file) [[ -e $name ]] && return ;;
            module) python3 -c "import $name" 2>/dev/null && return ;;
        esac
    done
    return 1
}

missing_packages() { # CHECK PACKAGE CHECK PACKAGE ...
    while (($#)); do
        # shellcheck disable=SC2086  # a check is several words
        is_there $1 || echo "$2"
        shift 2
    done | sort -u
}

restore_policy() {
    rm -f "$POLICY"
    if [[ -e $SAVED ]]; then mv "$SAVED" "$POLICY"; fi
}

forbid_services() { # while packages are installed: what they would start would take the ports
    if [[ -e $POLICY && ! -e $SAVED ]]; then mv "$POLICY" "$SAVED"; fi
    trap restore_policy EXIT
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 0755 "$POLICY"
}

install_packages() { # PACKAGE...
    local options=(-qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
    export DEBIAN_FRONTEND=noninteractive
    echo "install-packages: installing $*"
    forbid_services
    apt-get -qq -o DPkg::Lock::Timeout=300 update || echo "install-packages: the package lists could not be refreshed" >&2
    apt-get "${options[@]}" install "$@" >/dev/null ||
        fail "apt-get could not install: $*. Its message stands above; correct that, or install them by hand"
    # Nor at the next boot. Only what was installed here just now: what the machine already ran stays as it is.
    local package
    for package in "$@"; do
        if [[ -e /lib/systemd/system/$package.service ]] && command -v systemctl >/dev/null; then
            systemctl --quiet disable "$package" 2>/dev/null || true
        fi
    done
}

case ${1-} in
    "") wanted=("${STACK[@]}") ;;
    --venv) wanted=("${VENV[@]}") ;;
    --tests) wanted=("${TESTS[@]}") ;;
    --peers) wanted=("${PEERS[@]}") ;;
    *) fail "unknown option $1; there are --venv, --tests and --peers" ;;
esac

mapfile -t missing < <(missing_packages "${wanted[@]}")
((${#missing[@]})) || exit 0

command -v apt-get >/dev/null ||
    fail "missing on this machine: ${missing[*]} (names of Debian's packages). There is no apt-get here: install them your way"
if ((EUID != 0)); then
    command -v sudo >/dev/null ||
        fail "missing on this machine: ${missing[*]}. Neither root nor sudo: have somebody run: apt-get install ${missing[*]}"
    exec sudo -- "$0" "$@"
fi
install_packages "${missing[@]}"
