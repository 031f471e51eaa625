namespace Docs.Tests;

/// <summary>Lines of code fit beside each other on a screen.</summary>
public sealed class LineLengthTests
{
    private const int Most = 140;

    [Fact]
    public void Lines_are_not_too_long()
    {
        string[] found = [.. Repository.AllCode().SelectMany(file => Repository.ReadLines(file)
            .Select((line, i) => (Line: line, Place: $"{file}:{i + 1}"))
            .Where(line => line.Line.Length > Most)
            .Select(line => $"{line.Place} has {line.Line.Length} characters"))];
        Assert.True(found.Length == 0, $"Expected at most {Most} characters in a line:\n{string.Join('\n', found)}");
    }

    [Fact]
    public void The_Quickstart_is_at_most_60_lines()
    {
        int lines = Repository.ReadLines("samples/Quickstart/Program.cs").Length;
        Assert.True(lines <= 60, $"It has {lines} lines.");
    }
}
