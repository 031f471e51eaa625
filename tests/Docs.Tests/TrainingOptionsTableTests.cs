using System.Globalization;
using System.Reflection;
using Microsoft.ML.Generative;

namespace Docs.Tests;

/// <summary>The tables of training options say what the code does.</summary>
public sealed class TrainingOptionsTableTests
{
    private static readonly string[] _lines = Repository.ReadLines("docs/training.md");

    [Fact]
    public void Every_option_is_named()
    {
        string table = string.Join('\n', Table("| option |"));
        string[] options = [.. new[] { typeof(TrainingOptions), typeof(ImageTrainingOptions) }
            .SelectMany(type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
            .Select(property => property.Name)];
        Assert.Contains(nameof(TrainingOptions.LearningRate), options);
        Assert.All(options, option => Assert.Contains($"`{option}`", table, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Vae")]
    [InlineData("MaskedLanguageModel")]
    [InlineData("RewardModel")]
    public void The_defaults_of_each_model_are_those_of_its_options(string first)
    {
        string[][] rows = [.. Table($"| | `{first}`").Select(line => line.Trim('|').Split('|').Select(cell => cell.Trim()).ToArray())];
        object[] models = [.. rows[0][1..].Select(name =>
            Activator.CreateInstance(
                typeof(TrainingOptions).Assembly.GetType($"Microsoft.ML.Generative.{name.Trim('`')}Options", throwOnError: true)!)!)];
        foreach (string[] row in rows[2..])
        {
            string[] found = [.. models.Select(model => Text(model.GetType().GetProperty(row[0].Trim('`'))!.GetValue(model)))];
            Assert.Equal(row[1..], found);
        }
    }

    [Fact]
    public void Every_model_is_in_a_table()
    {
        string[] named = [.. _lines.Where(line => line.StartsWith("| | `", StringComparison.Ordinal))
            .SelectMany(line => line.Split('`').Where((_, i) => i % 2 == 1)).Select(name => $"{name}Options")];
        Type[] models = [.. typeof(TrainingOptions).Assembly.GetExportedTypes()
            .Where(type => type.IsSubclassOf(typeof(TrainingOptions)) && !type.IsAbstract)];
        Assert.NotEmpty(models);
        Assert.All(models, model => Assert.Contains(model.Name, named));
    }

    private static string Text(object? value) => value switch
    {
        null => "none",
        double number => number.ToString("0.#####", CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };

    private static IEnumerable<string> Table(string beginning) =>
        _lines.SkipWhile(line => !line.StartsWith(beginning, StringComparison.Ordinal)).TakeWhile(line => line.StartsWith('|'));
}
