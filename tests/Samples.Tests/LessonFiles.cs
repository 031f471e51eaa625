using System.Text.RegularExpressions;
using SkiaSharp;

namespace Samples.Tests;

/// <summary>What holds for every lesson: its text names the images that the program writes, and quotes the program.</summary>
internal static class LessonFiles
{
    /// <summary>Checks that each file is an image with something on it.</summary>
    public static void AreImages(IEnumerable<string> paths) => Assert.All(paths, path =>
    {
        using var image = SKBitmap.Decode(path);
        Assert.True(image is { Width: >= 400, Height: >= 100 }, path);
        Assert.True(image.Pixels.Distinct().Take(20).Count() == 20, path);
    });

    /// <summary>Checks that the text names every image and no other.</summary>
    public static void AreNamed(IEnumerable<string> paths, string lesson)
    {
        var named = Regex.Matches(Text(lesson), "`([a-z-]+\\.png)`").Select(match => match.Groups[1].Value).Distinct().Order();
        Assert.Equal(paths.Select(path => Path.GetFileName(path)!).Order(), named);
    }

    /// <summary>
    /// Checks that the lines of each block of code stand in one file of the program, in this order. A lesson quotes excerpts, which do not
    /// compile alone; they compile where they stand.
    /// </summary>
    public static void QuoteTheProgram(string lesson)
    {
        string[][] program = [.. Directory.GetFiles(Folder(lesson), "*.cs")
            .Select(file => File.ReadLines(file).Select(line => line.Trim()).ToArray())];
        string text = Text(lesson);
        var blocks = Regex.Matches(text, "^```csharp\n(.*?)^```$", RegexOptions.Singleline | RegexOptions.Multiline);
        Assert.True(blocks.Count >= 5, $"{lesson} quotes {blocks.Count} blocks of code.");
        Assert.All(blocks, block =>
        {
            string[] quoted = block.Groups[1].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            int line = text.AsSpan(0, block.Groups[1].Index).Count('\n') + 1;
            Assert.True(
                program.Any(file => StandsIn(file, quoted)),
                $"{lesson}/README.md:{line}: no file of the program has these lines in this order:\n{block.Groups[1].Value}");
        });
    }

    private static bool StandsIn(string[] file, string[] quoted)
    {
        int next = 0;
        foreach (string line in file)
            if (next < quoted.Length && line == quoted[next])
                next++;
        return next == quoted.Length;
    }

    private static string Text(string lesson) => File.ReadAllText(Path.Combine(Folder(lesson), "README.md"));

    private static string Folder(string lesson) => Path.Combine(AppContext.BaseDirectory, lesson);
}
