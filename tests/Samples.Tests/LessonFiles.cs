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

    /// <summary>Checks that every quoted line is one of the program.</summary>
    public static void QuoteTheProgram(string lesson)
    {
        var program = Directory.GetFiles(Folder(lesson), "*.cs").SelectMany(File.ReadLines).Select(line => line.Trim()).ToHashSet();
        var quoted = Regex.Matches(Text(lesson), "```csharp\n(.*?)```", RegexOptions.Singleline)
            .SelectMany(block => block.Groups[1].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).ToArray();
        Assert.True(quoted.Length > 10);
        Assert.All(quoted, line => Assert.Contains(line, program));
    }

    private static string Text(string lesson) => File.ReadAllText(Path.Combine(Folder(lesson), "README.md"));

    private static string Folder(string lesson) => Path.Combine(AppContext.BaseDirectory, lesson);
}
