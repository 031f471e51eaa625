using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Training.Checkpoints;

/// <summary>A training's options as its checkpoints keep them, and their comparison with those of a training that resumes.</summary>
internal static class SavedOptions
{
    /// <summary>What of the options decides about a training, as JSON; the seed, which may be chosen for it, apart.</summary>
    public static JsonObject Of(TrainingOptions options)
    {
        JsonObject json = JsonSerializer.SerializeToNode(options, options.GetType(), ModelConfigJson.Options)!.AsObject();
        json.Remove(MemberName(nameof(TrainingOptions.Seed)));
        return json;
    }

    /// <summary>
    /// Checks that a checkpoint is of a training with the same options. One that it lacks, since it is newer, had its default.
    /// </summary>
    /// <param name="path">The checkpoint, for error messages.</param>
    /// <param name="earlier">What it holds.</param>
    /// <param name="options">The options of the training that resumes.</param>
    /// <param name="seed">The seed asked for, if one is.</param>
    /// <exception cref="InvalidOperationException">Options differ, or this version does not know one; the message names them.</exception>
    public static void Check(string path, CheckpointState earlier, TrainingOptions options, long? seed)
    {
        JsonObject before = Completed(path, earlier.Options, options), now = Of(options);
        List<string> differences = [.. Differences(before, now)
            .Select(d => TrainingRun.Difference(d.Option, d.Before, d.Now))];
        if (seed is { } wanted && wanted != earlier.Seed)
            differences.Insert(0, TrainingRun.Difference(nameof(TrainingOptions.Seed), Text(earlier.Seed), Text(wanted)));
        if (differences.Count > 0)
            throw TrainingRun.Refuse(path, string.Join("; ", differences));
    }

    /// <summary>The options that differ, with both values as text.</summary>
    public static IEnumerable<(string Option, string Before, string Now)> Differences(JsonObject before, JsonObject now) =>
        now.Select(m => m.Key).Union(before.Select(m => m.Key))
            .Where(name => !JsonNode.DeepEquals(now[name], before[name]))
            .Select(name => (OptionName(name), Text(before[name]), Text(now[name])));

    // With today's names, and the defaults of what was not known then.
    private static JsonObject Completed(string path, JsonObject stored, TrainingOptions options)
    {
        JsonObject json = stored.DeepClone().AsObject();
        try
        {
            options.History.Apply(json, path);
            HashSet<string> known = [.. ModelConfigJson.Options.GetTypeInfo(options.GetType()).Properties.Select(p => p.Name)];
            if (json.Select(m => m.Key).FirstOrDefault(name => !known.Contains(name)) is { } unknown)
                throw new InvalidDataException($"it has the option {OptionName(unknown)} ({Text(json[unknown])})");
            return Of((TrainingOptions)json.Deserialize(options.GetType(), ModelConfigJson.Options)!);
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or ArgumentException)
        {
            throw new InvalidOperationException(
                $"The checkpoint '{path}' has options that version {Version} of Microsoft.ML.Generative does not know: "
                + $"{Quoted.Message(e).TrimEnd('.')}. "
                + "Resume it with the version that wrote it, or give this training a folder of its own.", e);
        }
    }

    private static string Version =>
        typeof(SavedOptions).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    private static string Text(JsonNode? value) => value?.ToJsonString() ?? "not set";

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string MemberName(string option) => ModelConfigJson.Options.PropertyNamingPolicy!.ConvertName(option);

    private static string OptionName(string member) => char.ToUpperInvariant(member[0]) + member[1..];
}
