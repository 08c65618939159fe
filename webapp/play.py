"""Play the whole story against a running instance."""

from collections.abc import Callable
from time import perf_counter

import click

from webapp import story
from webapp.story import Story

STEPS: tuple[tuple[str, Callable[[Story], str]], ...] = (
    ("An admin signs in", story.sign_in),
    ("The admin adds a free user by form", story.add_free_user),
    ("A worker sends the new person's mail", story.new_person_mail),
    ("Inviting the same person again is refused", story.invite_twice),
    ("The person sets a password by the link", story.activate),
    ("The guest signs in, and sees nothing yet", story.guest_arrives),
    ("The admin prepares a lead", story.prepare_card),
    ("An internal chat message gives access", story.give_access),
    ("What the guest may do", story.guest_may),
    ("What the guest may not do", story.guest_may_not),
    ("The red icon closes this card", story.remove_participant),
    ("Deleting the free user ends everything", story.delete_free_user),
    ("Inviting the registered person again", story.invite_again),
    ("A sweep finds and mends planted access", story.sweep),
    ("The admin tidies up", story.tidy_up),
)


def play(url: str) -> bool:
    """Play every step, printing what it saw and its time; return whether all went as told."""
    playing, told = Story(url), 0
    for title, step in STEPS:
        started = perf_counter()
        try:
            saw = step(playing)
        except AssertionError as broken:
            click.secho(f"  ✗ {title}", fg="red")
            click.echo(f"      {broken}")
            break
        told += 1
        click.echo(f"  {click.style('✓', fg='green')} {title:<58} {perf_counter() - started:6.2f} s")
        click.echo(click.style(f"      {saw}", dim=True))
    click.echo(f"{told} of {len(STEPS)} steps went as told.")
    return told == len(STEPS)
