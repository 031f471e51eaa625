using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Microsoft.ML.Generative.Benchmarks.Results;

/// <summary>Results of workloads as files, one each, which <see cref="ResultsPage"/> reads.</summary>
internal static class SavedResults
{
    private static readonly JsonSerializerOptions _readable = new() { WriteIndented = true, NewLine = "\n" };

    /// <summary>Writes a workload's result, with what it was measured on and the command that measures it again.</summary>
    /// <param name="folder">The folder of results.</param>
    /// <param name="name">The file's name without an ending: the workload.</param>
    /// <param name="arguments">The arguments of this program.</param>
    /// <param name="result">What the workload returned.</param>
    public static void Write(string folder, string name, IEnumerable<string> arguments, JsonNode result)
    {
        Directory.CreateDirectory(folder);
        var file = new JsonObject
        {
            ["date"] = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            ["machine"] = Machine(),
            ["command"] = $"dotnet run -c Release --project benchmarks -- {string.Join(' ', arguments.TakeWhile(a => a != "--save"))}",
            ["result"] = result,
        };
        string path = Path.Combine(folder, name + ".json"), temporary = path + ".tmp";
        File.WriteAllText(temporary, file.ToJsonString(_readable) + "\n");
        File.Move(temporary, path, overwrite: true);
    }

    private static string Machine()
    {
        const string Information = "/proc/cpuinfo";
        string? processor = File.Exists(Information)
            ? File.ReadLines(Information).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
            : null;
        string name = processor?.Split(':')[1].Trim() ?? RuntimeInformation.OSArchitecture.ToString();
        return $"{Environment.ProcessorCount} cores of {name}";
    }
}
