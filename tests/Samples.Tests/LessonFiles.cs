using System.Text.RegularExpressions;
using SkiaSharp;

namespace Samples.Tests;

/// <summary>Checks for every lesson: its text names the images that the program writes, and quotes the program.</summary>
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
    /// Checks that each block of code stands in one file of the program, line by line, with the same relative indentation, and that its
    /// brackets are balanced. A lesson quotes excerpts, which do not compile alone; they compile in the program.
    /// </summary>
    public static void QuoteTheProgram(string lesson)
    {
        string[] program = [.. Directory.GetFiles(Folder(lesson), "*.cs").Select(file => File.ReadAllText(file).ReplaceLineEndings("\n"))];
        string text = Text(lesson);
        var blocks = Regex.Matches(text, "^```csharp\n(.*?)^```$", RegexOptions.Singleline | RegexOptions.Multiline);
        Assert.True(blocks.Count >= 5, $"{lesson} quotes {blocks.Count} blocks of code.");
        Assert.All(blocks, block =>
        {
            string code = block.Groups[1].Value;
            int line = text.AsSpan(0, block.Groups[1].Index).Count('\n') + 1;
            Assert.True(IsBalanced(code), $"{lesson}/README.md:{line}: the brackets are not balanced:\n{code}");
            Assert.True(
                program.Any(file => Contains(file, code)), $"{lesson}/README.md:{line}: no file of the program has these lines:\n{code}");
        });
    }

    private static bool Contains(string file, string code)
    {
        for (int indentation = 0; indentation <= 24; indentation += 4)
        {
            string prefix = new(' ', indentation);
            string indented = string.Concat(code.Split('\n').SkipLast(1).Select(line => line.Length == 0 ? "\n" : $"{prefix}{line}\n"));
            if (file.Contains($"\n{indented}", StringComparison.Ordinal))
                return true;
        }

        return false;
    }

    // Brackets in texts of the quoted pieces are balanced, too.
    private static bool IsBalanced(string code) =>
        ((string[])["()", "[]", "{}"]).All(pair => code.Count(c => c == pair[0]) == code.Count(c => c == pair[1]));

    private static string Text(string lesson) => File.ReadAllText(Path.Combine(Folder(lesson), "README.md"));

    private static string Folder(string lesson) => Path.Combine(AppContext.BaseDirectory, lesson);
}
