"""From a parse tree to questions: one method for each alternative of the grammar's `query`."""

from lark import v_args

from scene_language._phrases import PhraseBuilder, text_of
from scene_language.commands import All, Choice, Command, It, Place, Query, Reference, The
from scene_language.lexicon import PLURALS

__all__ = ("QuestionBuilder",)


@v_args(inline=True)
class QuestionBuilder(PhraseBuilder):
    """Turns the trees of questions into queries."""

    def see(self) -> Command:
        return Query("see")

    def scene(self) -> Command:
        return Query("scene")

    def where(self, about: Reference) -> Command:
        return Query("where", about)

    where_lost = where

    def where_am_i(self) -> Command:
        return Query("me")

    def count_shapes(self, color: str | None, shapes: str) -> Command:
        return Query("count", All(PLURALS[shapes], text_of(color)))

    def count_objects(self, color: str | None) -> Command:
        return Query("count", All(None, text_of(color)))

    def what_color(self, about: Reference) -> Command:
        return Query("color", about)

    def what_color_is_it(self) -> Command:
        return Query("color", It())

    def is_it_colored(self, about: Reference, _color: str) -> Command:
        return Query("color", about)

    def is_it_shaped(self, about: Reference, _shape: str) -> Command:
        return Query("shape", about)

    def which_is_colored(self, color: str) -> Command:
        return Query("exists", All(None, str(color)))

    def what_shape(self, about: Reference) -> Command:
        return Query("shape", about)

    def count_all(self) -> Command:
        return Query("count", All())

    def exist_many(self, color: str | None, shapes: str) -> Command:
        return Query("exists", All(PLURALS[shapes], text_of(color)))

    def which_object(self, color: str | None, choice: Choice) -> Command:
        return Query("which", The(None, text_of(color), None, choice))

    def which_shape(self, color: str | None, shape: str, choice: Choice) -> Command:
        return Query("which", The(str(shape), text_of(color), None, choice))

    def which_of_all(self, choice: Choice) -> Command:
        return Query("which", The(choice=choice))

    def which_object_is(self, choice: Choice, color: str | None) -> Command:
        return Query("which", The(None, text_of(color), None, choice))

    def which_shape_is(self, choice: Choice, color: str | None, shape: str) -> Command:
        return Query("which", The(str(shape), text_of(color), None, choice))

    def how_big(self, about: Reference) -> Command:
        return Query("size", about)

    def how_far(self, about: Reference) -> Command:
        return Query("distance", about)

    def exists(self, color: str | None, shape: str) -> Command:
        return Query("exists", The(str(shape), text_of(color)))

    def exists_reference(self, about: Reference) -> Command:
        return Query("exists", about)

    def near(self, place: Place) -> Command:
        return Query("near", place=place)
