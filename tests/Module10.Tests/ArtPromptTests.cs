using Module10.Rooms.Art;

namespace Module10.Tests;

public class ArtPromptTests
{
    [Theory]
    [InlineData("a red star", "red, star", "")]
    [InlineData("Paint GOLDEN hearts, please!", "yellow, heart", "")]
    [InlineData("sun", "yellow, circle", "")]
    [InlineData("a fierce green triangle or square", "green, square or triangle", "fierce")]
    [InlineData("purple", "purple, any shape", "")]
    [InlineData("moon", "any color, moon", "")]
    [InlineData("", "anything", "")]
    [InlineData("<b>dragon</b>", "anything", "b dragon b")]
    public void Words_become_colors_and_shapes(string text, string understood, string ignored)
    {
        ArtPrompt prompt = ArtPrompt.Read(text);
        Assert.Equal(understood, prompt.Description);
        Assert.Equal(ignored, string.Join(' ', prompt.Ignored));
    }

    [Fact]
    public void What_a_prompt_leaves_open_changes_from_image_to_image()
    {
        // Number of the color times six, plus the number of the shape.
        Assert.Equal([3, 3, 3], ArtPrompt.Read("red star").Labels(3)!);
        Assert.Equal([30, 31, 32, 33, 34, 35], ArtPrompt.Read("purple").Labels(6)!.Order());
        Assert.Equal([5, 11, 17, 23, 29, 35], ArtPrompt.Read("moon").Labels(6)!.Order());
        Assert.Null(ArtPrompt.Read("").Labels(3));
    }

    [Fact]
    public void Each_class_is_drawn_in_its_color_on_paper()
    {
        for (int label = 0; label < DrawnShapes.ClassNames.Length; label++)
        {
            float[] image = DrawnShapes.DrawOne(label, seed: label);
            (string name, SkiaSharp.SKColor color) = DrawnShapes.Colors[label / DrawnShapes.Shapes.Length];
            Assert.StartsWith(name, DrawnShapes.ClassNames[label], StringComparison.Ordinal);
            Assert.Equal(0xF7 / 255f, image[0], 1e-6f);
            int inside = Enumerable.Range(0, 576).Count(i => Math.Abs(image[i] - color.Red / 255f) < 0.01f
                && Math.Abs(image[576 + i] - color.Green / 255f) < 0.01f && Math.Abs(image[1152 + i] - color.Blue / 255f) < 0.01f);
            Assert.InRange(inside, 25, 400);
        }
    }
}
