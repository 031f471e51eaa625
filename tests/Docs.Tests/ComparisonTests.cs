using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.ML.Generative;

namespace Docs.Tests;

/// <summary>The page for people who know other libraries names what is there.</summary>
public sealed partial class ComparisonTests
{
    private const string Page = "docs/coming-from.md";

    // What the right side names of .NET and of ML.NET.
    private static readonly HashSet<string> _others =
    [
        "IDataView", "Transforms", "Generative", "Data", "Model", "Save", "Load", "Fit", "Transform", "CreatePredictionEngine",
        "LoadFromTextFile", "LoadFromEnumerable", "MLContext", "GpuDeviceId", "Image",
    ];

    [Fact]
    public void Each_name_on_the_right_is_public()
    {
        HashSet<string> members = [.. typeof(GenerativeCatalog).Assembly.GetExportedTypes()
            .SelectMany(type => type.GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static)
                .Select(member => member.Name).Append(type.Name))];
        string[] named = [.. Repository.ReadLines(Page)
            .Where(line => line.StartsWith('|') && !line.StartsWith("|---", StringComparison.Ordinal))
            .Select(line => line.TrimEnd('|', ' ').Split('|')[^1])
            .SelectMany(right => Code().Matches(right).Select(match => match.Value))
            .SelectMany(code => Name().Matches(code).Select(match => match.Value)).Distinct()];
        Assert.True(named.Length > 80, $"{named.Length} names");
        Assert.DoesNotContain(named, name => !members.Contains(name) && !_others.Contains(name));
    }

    [GeneratedRegex("`[^`]+`")]
    private static partial Regex Code();

    [GeneratedRegex(@"\b[A-Z]\w+")]
    private static partial Regex Name();
}
