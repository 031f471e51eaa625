namespace Samples.Tests;

/// <summary>What holds for every program of samples/Api; eng/check-api-samples.sh runs them.</summary>
public class ApiTests
{
    private const string Project = "#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj";

    private static readonly string[] _headers = ["// Expected output:", "// Expected output (numbers depend on the processor):"];

    public static TheoryData<string> Programs => [.. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Api"), "*.cs")
        .Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Programs))]
    public void A_program_is_short_and_ends_with_its_expected_output(string program)
    {
        string[] lines = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Api", program));
        Assert.Equal(Project, lines[0]);
        Assert.StartsWith("// ", lines[1], StringComparison.Ordinal);

        string header = Assert.Single(lines, line => _headers.Contains(line));
        int end = Array.IndexOf(lines, header);
        Assert.Equal("", lines[end - 1]);
        Assert.InRange(lines.Length - end - 1, 2, 20);
        Assert.All(lines[(end + 1)..], line => Assert.StartsWith("// ", line, StringComparison.Ordinal));

        IEnumerable<string> code = lines[1..end].Select(line => line.Trim())
            .Where(line => line is not ("" or "{" or "}") && !line.StartsWith("//", StringComparison.Ordinal));
        Assert.InRange(code.Count(), 20, 40);
        Assert.All(lines, line => Assert.True(line.Length <= 160 && line == line.TrimEnd(), $"{program}: {line}"));
    }
}
