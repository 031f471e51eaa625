using System.Net;
using System.Text.RegularExpressions;

namespace Docs.Tests;

/// <summary>A block of C# in a page or in a documentation comment.</summary>
/// <param name="File">Its file, relative to the repository's root.</param>
/// <param name="Line">The line of the file where the code begins, from 1.</param>
/// <param name="Lines">The code.</param>
/// <param name="Namespace">The namespace of the documented member; none for a page.</param>
/// <param name="Earlier">The blocks that it builds on, in the page's order.</param>
internal sealed partial record CodeBlock(string File, int Line, string[] Lines, string? Namespace, CodeBlock[] Earlier)
{
    /// <summary>The sentence with which a page says that its blocks do not stand alone.</summary>
    public const string Continuation = "The blocks of code on this page build on each other.";

    /// <summary>Reads the <c>csharp</c> fences of a page.</summary>
    public static IEnumerable<CodeBlock> OfPage(string file)
    {
        string[] lines = Repository.ReadLines(file);
        bool continues = lines.Any(line => line.Contains(Continuation, StringComparison.Ordinal));
        var blocks = new List<CodeBlock>();
        foreach ((string language, int start, int end) in Fences(lines))
            if (language == "csharp")
                blocks.Add(new CodeBlock(file, start + 1, lines[start..end], null, continues ? [.. blocks] : []));
        return blocks;
    }

    /// <summary>Reads the <c>code</c> elements of a source file's documentation comments.</summary>
    public static IEnumerable<CodeBlock> OfSource(string file)
    {
        string[] lines = Repository.ReadLines(file);
        Match? declaration = lines.Select(line => NamespacePattern().Match(line)).FirstOrDefault(match => match.Success);
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].Trim() != "/// <code>")
                continue;
            int start = ++i;
            while (lines[i].Trim() != "/// </code>")
                i++;
            // The comment's prefix gives way to spaces, so that a compiler error has the column of the file.
            string[] code = [.. lines[start..i]
                .Select(line => WebUtility.HtmlDecode(line.Replace("///", "   ", StringComparison.Ordinal)))];
            yield return new CodeBlock(file, start + 1, code, declaration?.Groups[1].Value, []);
        }
    }

    /// <summary>Finds the fenced blocks of a page: the language, and the range of the lines between the fences, from 0.</summary>
    public static IEnumerable<(string Language, int Start, int End)> Fences(string[] lines)
    {
        for (int i = 0; i < lines.Length; i++)
        {
            if (!lines[i].TrimStart().StartsWith("```", StringComparison.Ordinal))
                continue;
            string language = lines[i].Trim()[3..];
            int start = ++i;
            while (i < lines.Length && lines[i].Trim() != "```")
                i++;
            yield return (language, start, i);
        }
    }

    public override string ToString() => $"{File}:{Line}";

    [GeneratedRegex(@"^namespace ([\w.]+);")]
    private static partial Regex NamespacePattern();
}
