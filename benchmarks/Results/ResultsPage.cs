using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Microsoft.ML.Generative.Benchmarks.Results;

/// <summary>The page of all measured figures, made of the results' files and of page.json, which says what to show of them.</summary>
internal static class ResultsPage
{
    /// <summary>The file beside the results that has the page's sections, and what others reach.</summary>
    public const string Plan = "page.json";

    /// <summary>Writes the page as Markdown.</summary>
    /// <param name="folder">The folder of results.</param>
    /// <remarks>What has no result yet is left out, and named at the end.</remarks>
    /// <exception cref="InvalidDataException">The plan names a figure that its result does not have.</exception>
    public static string Write(string folder)
    {
        JsonNode plan = Read(Path.Combine(folder, Plan));
        var page = new StringBuilder();
        page.Append("# Results\n\n").Append((string)plan["introduction"]!).Append("\n\n");
        page.Append("This page is made by `dotnet run -c Release --project benchmarks -- results` of the files in `benchmarks/results`, ");
        page.Append("which the benchmarks write with `--save benchmarks/results`.\n");
        SortedSet<string> missing = new(StringComparer.Ordinal);
        foreach (JsonNode? section in plan["sections"]!.AsArray())
            WriteSection(page, folder, section!, missing);
        if (missing.Count > 0)
        {
            page.Append("\n## Not measured yet\n\n").Append("Of these workloads there is no result in `benchmarks/results`: ")
                .AppendJoin(", ", missing.Select(name => $"`{name}`")).Append(".\n");
        }

        return page.ToString();
    }

    private static void WriteSection(StringBuilder page, string folder, JsonNode section, SortedSet<string> missing)
    {
        JsonNode[] rows = [.. (section["rows"]?.AsArray() ?? []).Select(row => row!).Where(row => IsThere(folder, row, missing))];
        // A table of nothing says nothing.
        if (rows.Length == 0 && section["rows"] is not null)
            return;
        page.Append("\n## ").Append((string)section["title"]!).Append("\n\n");
        if ((string?)section["text"] is { } text)
            page.Append(text).Append('\n').Append(rows.Length > 0 ? "\n" : "");
        if (rows.Length == 0)
            return;

        JsonNode?[] beside = [.. rows.Select(row => row["beside"])];
        bool hasOthers = beside.Any(other => other is not null);
        page.Append(hasOthers ? "| what | here | others | |\n|---|---|---|---|\n" : "| what | here |\n|---|---|\n");
        HashSet<string> sources = [];
        foreach (JsonNode row in rows)
        {
            double value = Value(folder, row, sources);
            string unit = (string?)row["unit"] is { } name ? " " + name : "";
            page.Append("| ").Append((string)row["label"]!).Append(" | ").Append(Number(value)).Append(unit).Append(" |");
            if (hasOthers)
                page.Append(Beside(row, value, unit));
            page.Append('\n');
        }

        page.Append('\n').AppendJoin('\n', sources.Order(StringComparer.Ordinal).Select(source => $"- {source}")).Append('\n');
    }

    private static bool IsThere(string folder, JsonNode row, SortedSet<string> missing)
    {
        if ((string?)row["result"] is not { } name || File.Exists(PathOf(folder, name)))
            return true;
        missing.Add(name);
        return false;
    }

    private static string PathOf(string folder, string result) => Path.Combine(folder, result + ".json");

    // What others reach, and how many times better this is.
    private static string Beside(JsonNode row, double value, string unit)
    {
        if (row["beside"] is not { } other)
            return " | |";
        double theirs = (double)other["value"]!;
        bool isLowerBetter = (bool?)row["lower"] ?? false;
        string ratio = (bool?)row["quality"] == true
            ? ""
            : (isLowerBetter ? theirs / value : value / theirs).ToString("0.00", CultureInfo.InvariantCulture) + "×";
        return $" {Number(theirs)}{unit}, {(string)other["name"]!} | {ratio} |";
    }

    // From a result's file; or, of what no workload here measures, from the plan itself with the command that measured it.
    private static double Value(string folder, JsonNode row, HashSet<string> sources)
    {
        if ((string?)row["result"] is not { } name)
        {
            sources.Add((string)row["source"]!);
            return (double)row["value"]!;
        }

        JsonNode file = Read(PathOf(folder, name));
        sources.Add($"`{(string)file["command"]!}`: {(string)file["machine"]!}, {(string)file["date"]!}");
        JsonNode? figure = file["result"];
        foreach (string part in ((string)row["figure"]!).Split('.'))
            figure = figure is JsonArray list ? list[int.Parse(part, CultureInfo.InvariantCulture)] : figure?[part];
        return (double?)figure
            ?? throw new InvalidDataException($"The result '{name}' has no figure '{(string)row["figure"]!}', which {Plan} asks for.");
    }

    private static JsonNode Read(string path) => File.Exists(path)
        ? JsonNode.Parse(File.ReadAllText(path))!
        : throw new InvalidDataException($"There is no '{path}'.");

    private static string Number(double value) => Math.Abs(value) switch
    {
        >= 1000 => value.ToString("N0", CultureInfo.InvariantCulture),
        >= 100 => value.ToString("0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("0.#", CultureInfo.InvariantCulture),
        _ => value.ToString("0.###", CultureInfo.InvariantCulture),
    };
}
