# Sends a message to an API. gcloud has no command that accepts the API's own messages.
call() { # METHOD URL FILE
    token=$(gcloud auth print-access-token) || return 1
    answer=$(curl --silent --show-error --fail-with-body --request "$1" --data @"$3" \
        --header 'Content-Type: application/json' --header "Authorization: Bearer $token" "$2") || refused
}

# Creates or updates a job and waits until that is done: a job started earlier would run its old version.
apply() { # URL FILE
    call PATCH "$1" "$2" || return 1
    operation=$(printf %s "$answer" | grep -o 'projects/[^"]*/operations/[^"]*') || refused || return 1
    until printf %s "$answer" | grep -q '"done": *true'; do
        call POST "https://run.googleapis.com/v2/$operation:wait" /dev/null || return 1
    done
    printf %s "$answer" | grep -q '"response":' || refused
}

refused() {
    printf '%s\n' "$answer" >&2
    return 1
}
