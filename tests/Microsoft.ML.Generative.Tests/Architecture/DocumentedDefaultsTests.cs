using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.ML.Generative.Schedulers;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What IntelliSense says of an option's default is what the option is.</summary>
public sealed partial class DocumentedDefaultsTests
{
    // Of a property whose documentation is that of another member.
    private const string Inherited = "(inherited)";

    private static readonly Dictionary<string, XElement> _members =
        XDocument.Load(Path.ChangeExtension(typeof(TrainingOptions).Assembly.Location, ".xml"))
            .Descendants("member").ToDictionary(member => member.Attribute("name")!.Value);

    public static TheoryData<string> Options => [.. typeof(TrainingOptions).Assembly.GetExportedTypes()
        .Where(type => type.IsSubclassOf(typeof(TrainingOptions)) && !type.IsAbstract).Select(type => type.FullName!)];

    /// <summary>All other options that can be made without arguments.</summary>
    public static TheoryData<string> OtherOptions => [.. typeof(TrainingOptions).Assembly.GetExportedTypes()
        .Where(type => type.Name.EndsWith("Options", StringComparison.Ordinal) && !type.IsSubclassOf(typeof(TrainingOptions))
            && !type.IsSubclassOf(typeof(NoiseSchedulerOptions)) && !type.IsAbstract && type.GetConstructor([]) is not null)
        .Select(type => type.FullName!)];

    [Theory]
    [MemberData(nameof(Options))]
    [MemberData(nameof(OtherOptions))]
    public void The_documented_default_is_the_value_of_new_options(string name)
    {
        Type type = typeof(TrainingOptions).Assembly.GetType(name)!;
        object options = Activator.CreateInstance(type)!;
        foreach (PropertyInfo property in type.GetProperties().Where(p => p.SetMethod?.IsPublic == true))
        {
            object? value = property.GetValue(options);
            string? documented = Default(property);
            string of = $"{type.Name}.{property.Name} is '{Text(value)}' and documented as '{documented}'";
            if (value is null or CancellationToken or ICollection { Count: 0 } || Text(value) == "Default")
                Assert.False(documented is not null && double.TryParse(documented, CultureInfo.InvariantCulture, out _), of);
            else if (documented != Inherited && value is (string or Enum or bool or int or long or float or double))
                Assert.True(documented is not null && IsSame(value, documented), of);
        }
    }

    [Fact]
    public void Samplers_document_the_spacing_of_each_class()
    {
        string documented = Default(typeof(NoiseSchedulerOptions).GetProperty(nameof(NoiseSchedulerOptions.TimestepSpacing))!)!;
        int others = documented.IndexOf("; Linspace", StringComparison.Ordinal);
        Type[] options = [.. typeof(NoiseSchedulerOptions).Assembly.GetExportedTypes()
            .Where(type => type.IsSubclassOf(typeof(NoiseSchedulerOptions)) && !type.IsAbstract)];
        Assert.NotEmpty(options);
        foreach (Type type in options)
        {
            var value = (NoiseSchedulerOptions)Activator.CreateInstance(type)!;
            bool isLeading = documented[..others].Contains(type.Name, StringComparison.Ordinal);
            Assert.Equal(isLeading ? TimestepSpacing.Leading : TimestepSpacing.Linspace, value.TimestepSpacing);
        }
    }

    [Fact]
    public void Each_family_documents_its_own_training_defaults()
    {
        Assert.Equal("0.007", Default(typeof(VaeOptions).GetProperty(nameof(VaeOptions.LearningRate))!));
        Assert.Equal("0.0002", Default(typeof(GanOptions).GetProperty(nameof(GanOptions.LearningRate))!));
        Assert.Equal("AdamW", Default(typeof(ImageClassifierOptions).GetProperty(nameof(ImageClassifierOptions.Optimizer))!));
    }

    // The text after "Default:" up to the end of its sentence, of the class that declares the property last.
    private static string? Default(PropertyInfo property)
    {
        if (!_members.TryGetValue($"P:{property.DeclaringType!.FullName}.{property.Name}", out XElement? member))
            return null;
        if (member.Element("summary") is not { } original)
            return Inherited;
        XElement summary = new(original);
        foreach (XElement see in summary.Descendants().Where(e => e.Attribute("cref") is not null).ToArray())
            see.ReplaceWith(see.Attribute("cref")!.Value.Split('.')[^1]);
        string text = Spaces().Replace(summary.Value, " ").Trim();
        int start = text.LastIndexOf("Default: ", StringComparison.Ordinal);
        return start < 0 ? null : End().Replace(text[(start + "Default: ".Length)..], "");
    }

    private static bool IsSame(object value, string documented) => value switch
    {
        bool flag => documented.StartsWith(flag ? "true" : "false", StringComparison.Ordinal)
            || documented.StartsWith(flag ? "yes" : "no", StringComparison.Ordinal),
        string { Length: > 0 } text when text.Contains(' ') => documented.Trim('"', '.') == text.TrimEnd('.'),
        Enum or string => string.Equals(documented.Split(' ', ',', ';')[0].Trim('"'), Text(value), StringComparison.OrdinalIgnoreCase),
        _ => double.TryParse(
            documented.Split(' ', ';')[0].TrimEnd(','), NumberStyles.Float | NumberStyles.AllowThousands, CultureInfo.InvariantCulture,
            out double number)
            && number == Convert.ToDouble(value, CultureInfo.InvariantCulture),
    };

    private static string? Text(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"\.( .*)?$")]
    private static partial Regex End();
}
