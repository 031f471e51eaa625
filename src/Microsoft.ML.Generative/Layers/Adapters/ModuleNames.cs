using System.Text.RegularExpressions;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>Finds modules by their names, as PEFT does.</summary>
internal static class ModuleNames
{
    /// <summary>Whether a name is that of a module, or its end from a dot on.</summary>
    public static bool Ends(string module, string name) =>
        module.EndsWith(name, StringComparison.Ordinal) && (module.Length == name.Length || module[^(name.Length + 1)] == '.');

    /// <summary>Whether an expression matches a name as a whole.</summary>
    public static bool Matches(string module, string pattern) => Match($@"\A(?:{pattern})\z", module);

    /// <summary>Whether an expression matches a name, or its end from a dot on.</summary>
    public static bool EndMatches(string module, string pattern) => Match($@"\A(?:.*\.)?(?:{pattern})\z", module);

    /// <summary>Checks an expression.</summary>
    /// <exception cref="ArgumentException">
    /// It is not a regular expression, or one that could take long; the message names the option.
    /// </exception>
    public static void Compile(string pattern, string option)
    {
        try
        {
            _ = new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new ArgumentException(
                $"{option} has {Quoted.Text(pattern)}, which is not a regular expression that is supported: {Quoted.Message(e)}",
                option, e);
        }
    }

    // Expressions come from files, too: they must not take longer than their text is long.
    private static bool Match(string pattern, string module) =>
        Regex.IsMatch(module, pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
}
