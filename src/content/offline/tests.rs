//! What must hold for every text of the offline writer, over all combinations of its inputs.

use std::collections::HashSet;

use serde_json::json;

use super::super::{Audience, Brief, Campaign, CampaignInput, Engagement, FunnelStage, Platform, Tone, sample};
use super::Offline;
use super::gender::names_a_gender;

#[test]
#[ignore]
fn show() {
    let n = std::env::var("N").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let mut k = 0;
    for brief in every_brief().into_iter().step_by(97) {
        k += 1;
        if k > n {
            break;
        }
        let c = &brief.campaign;
        println!(
            "=== {} / {} / {} / {} / {:?} / {:?} / {}",
            c.platform(),
            c.tone(),
            c.funnel_stage(),
            c.past_engagement(),
            c.objective(),
            c.industry(),
            brief.audience.summary()
        );
        let w = Offline::new().unwrap().write(&brief);
        println!("{}\n--- {:?}\n", w.variants[k % 3], w.image_prompt);
    }
}

const OBJECTIVES: [(&str, &str); 10] = [
    ("Increase sales of winter coats", "Retail"),
    ("newsletter sign-ups", "F&B"),
    ("", ""),
    ("increase footfall", "Beauty and wellness"),
    ("Launch the spring menu", "restaurant"),
    ("App downloads", "banking"),
    ("Brand awareness", "Travel"),
    ("customer retention", "fitness"),
    ("Increase sales of women's shoes", "Fashion"),
    ("something nobody thought of", "underwater welding"),
];

fn personas() -> Vec<serde_json::Value> {
    vec![
        json!({}),
        sample::full_persona(),
        json!({"Top_Gender": "Male", "Top_Locations": ["Yishun"], "Top_Loyalty_Tier": "Elite member",
               "Top_Join_Quarter": 3, "Top_Join_Years": [2022]}),
        json!({"Top_Locations": ["Online", "Men"], "Top_Join_Months": [12], "Interests": "men's grooming",
               "Special_Offer": "10% off for ladies"}),
    ]
}

fn every_brief() -> Vec<Brief> {
    let mut briefs = Vec::new();
    for persona in personas() {
        let audience = sample::audience(&persona);
        for (objective, industry) in OBJECTIVES {
            for tone in Tone::ALL {
                for platform in Platform::ALL {
                    for stage in FunnelStage::ALL {
                        for engagement in Engagement::ALL {
                            let input = CampaignInput {
                                objective: Some(objective.into()),
                                industry: Some(industry.into()),
                                funnel_stage: Some(stage.to_string()),
                                past_engagement: Some(engagement.to_string()),
                                platform: Some(platform.to_string()),
                                tone: Some(tone.to_string()),
                                output: None,
                                n_variants: Some(3),
                            };
                            let campaign = Campaign::check(&input).unwrap();
                            briefs.push(Brief { audience: audience.clone(), campaign });
                        }
                    }
                }
            }
        }
    }
    briefs
}
